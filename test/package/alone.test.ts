import { join } from "node:path";
import process from "node:process";
import { beforeAll, expect, test } from "vitest";
import { modules } from "../../scripts/entries.ts";
import { folderOfSuite } from "../support/temporary-folder.ts";
import { needs, npmInstall } from "./consumer.ts";
import { packedPackages } from "./packed.ts";
import { run } from "../support/run.ts";

// Each entry of the library alone, in a project that has installed nothing else.

const entries = modules.map(({ specifier }) => specifier).filter((specifier) => /^once-again(\/|$)/.test(specifier));
/** All but the one of the commands, which say it themselves. */
const users = entries.filter((entry) => entry !== "once-again/internal/command");

const folder = folderOfSuite();
const project = (): string => join(folder(), "project");
let node20 = "";

beforeAll(async () => {
  const packed = await packedPackages();
  await npmInstall(project(), [packed.find(({ name }) => name === "once-again")!.tarball]);
  const platform = process.platform === "win32" ? "win" : process.platform;
  const old = join(folder(), "old");
  await npmInstall(old, [`node20@npm:node-${platform}-${process.arch}@20`], ["--no-bin-links"]);
  node20 = join(old, "node_modules/node20/bin/node");
});

/** Loads each entry in a separate process, by `import` and by `require`. Answers with the error of each, or "loaded". */
async function load(node: string, specifiers: readonly string[]): Promise<Readonly<Record<string, readonly string[]>>> {
  const outcomes: Record<string, string[]> = {};
  for (const specifier of specifiers) {
    outcomes[specifier] = [];
    for (const [type, how] of [
      ["module", "import"],
      ["commonjs", "(async (name) => require(name))"],
    ] as const) {
      const loading = `${how}(${JSON.stringify(specifier)})`;
      const program = `${loading}.then(() => console.log("loaded"), ({ message }) => console.log(message));`;
      const said = await run(node, [`--input-type=${type}`, "--eval", program], { cwd: project() });
      outcomes[specifier].push(said.trim());
    }
  }
  return outcomes;
}

test("each entry loads alone, but for those that need packages that the page names", async () => {
  const outcomes = await load(process.execPath, entries);
  for (const [entry, said] of Object.entries(outcomes)) {
    const needed = needs[entry];
    // Node names the first that it misses, and npm installs the peers of that.
    const expected = needed === undefined ? "loaded" : expect.stringContaining(needed[0]!);
    expect(said, entry).toEqual([expected, expected]);
  }
});

test("on Node 20 each entry says in one sentence which Node it needs", async () => {
  const sentence =
    /^once-again needs Node 22\.21 or newer, and this is Node 20\.\d+\.\d+\. Install a newer one: https:\/\/nodejs\.org$/;
  const outcomes = await load(
    node20,
    users.filter((entry) => needs[entry] === undefined),
  );
  for (const [entry, said] of Object.entries(outcomes)) for (const one of said) expect(one, entry).toMatch(sentence);
});
