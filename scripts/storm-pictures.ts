/** Draws the storms of docs/concepts.md and docs/guides/storms.md, by the program itself: docs/images/storm-*.svg. */
import { execFileSync } from "node:child_process";
import process from "node:process";

const pictures: Readonly<Record<string, readonly string[]>> = {
  // A small service with a short queue: its callers wait for a constant time, and for one that grows.
  backoff: (
    "--rate 20 --capacity 40 --queue 5 --outage 10s-20s --attempts 150 --base 100ms --backoff constant " +
    "--jitter none --budget none --duration 40s --compare as-is,exponential"
  ).split(" "),
  herd: ["--preset", "thundering-herd"],
  retries: ["--preset", "retry-storm"],
};

for (const [name, flags] of Object.entries(pictures)) {
  const file = `docs/images/storm-${name}.svg`;
  execFileSync(process.execPath, ["packages/tools/src/cli/main.ts", "storm", ...flags, "--svg", file], {
    stdio: "ignore",
  });
}
