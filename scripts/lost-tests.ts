/**
 * `node scripts/lost-tests.ts BEFORE AFTER...`: lists the tests that are in BEFORE, and in none of the others. Each is what
 * `npx vitest list --json=FILE` wrote. A test may be in another file, or project, than it was.
 */
import { readFileSync } from "node:fs";
import process from "node:process";

const [before, ...after] = process.argv.slice(2);
if (before === undefined || after.length === 0)
  throw new Error("Name two lists: node scripts/lost-tests.ts BEFORE AFTER...");

/** How often each title is in some lists. */
function countTitles(files: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const file of files) {
    for (const { name } of JSON.parse(readFileSync(file, "utf8")) as readonly { readonly name: string }[]) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}

const now = countTitles(after);
const lost = [...countTitles([before])].filter(([title, count]) => (now.get(title) ?? 0) < count);
for (const [title, count] of lost) process.stdout.write(`${count - (now.get(title) ?? 0)} lost: ${title}\n`);
process.exitCode = lost.length === 0 ? 0 : 1;
