/**
 * `npm run check`: runs every script `check:*` of package.json and `docs:build`, as many at a time as there are processors: most of
 * them use one. The others go on where one fails, and what that one printed comes last.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";

const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Readonly<Record<string, string>> };

/** Those that take long, the longest first. */
const long = ["check:package", "check:types", "check:compiler", "docs:build", "check:generated", "check:lint"];

/** Each needs the one before it: sizes are those of a build. */
const then: Readonly<Record<string, string>> = { "check:package": "check:size" };

const names = new Set([...long, ...Object.keys(scripts).filter((name) => name.startsWith("check:"))]);
for (const name of Object.values(then)) names.delete(name);
const queue = [...names];
const failed: string[] = [];

/** Runs a script. Returns whether it passed. */
function passes(name: string): Promise<boolean> {
  const child = spawn("npm", ["run", name], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (text: string) => void (printed += text));
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("close", (code) => {
      if (code === 0) process.stdout.write(printed);
      else failed.push(`${printed}${name} failed.\n`);
      resolve(code === 0);
    });
  });
}

async function work(): Promise<void> {
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    const next = (await passes(name)) ? then[name] : undefined;
    if (next !== undefined) queue.unshift(next);
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work));
process.stdout.write(failed.join(""));
process.exitCode = failed.length === 0 ? 0 : 1;
