/** Draws the storms of docs/guides/storms.md, by the program itself: docs/images/storm-*.svg. */
import { execFileSync } from "node:child_process";
import process from "node:process";

const pictures: Readonly<Record<string, readonly string[]>> = {
  herd: ["--preset", "thundering-herd"],
  retries: ["--preset", "retry-storm"],
};

for (const [name, flags] of Object.entries(pictures)) {
  const file = `docs/images/storm-${name}.svg`;
  execFileSync(process.execPath, ["packages/tools/src/cli/main.ts", "storm", ...flags, "--svg", file], {
    stdio: "ignore",
  });
}
