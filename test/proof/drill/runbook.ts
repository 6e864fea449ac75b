import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { startOnTerminal, type TerminalRun } from "../../support/terminal.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The commands of an alert's runbook, as its page has them, each on one line. */
function runbookCommands(alert: string): string[] {
  const page = readFileSync(join(root, "docs/runbooks", `${alert}.md`), "utf8");
  return Array.from(page.matchAll(/^```sh\n(.*?)^```/gms), ([, block]) => block!.replaceAll(/\\\n\s*/g, ""))
    .flatMap((block) => block.split("\n"))
    .filter((line) => line.startsWith("once-again "));
}

/** The command of a runbook that begins so. @throws Error when its page has none, or more than one. */
export function runbookCommand(alert: string, begin: string): string {
  const found = runbookCommands(alert).filter((line) => line.startsWith(`once-again ${begin}`));
  if (found.length !== 1)
    throw new Error(`docs/runbooks/${alert}.md has ${found.length} commands "${begin}", not one.`);
  return found[0]!;
}

/**
 * A person's terminal, with `once-again` on PATH and `ONCE_AGAIN_STORE` exported as each page begins. A question is answered with yes.
 *
 * @param folder where the program is put.
 */
export function operator(folder: string, store: string): (line: string) => Promise<TerminalRun> {
  const program = join(folder, "once-again");
  const cli = join(root, "packages/tools/src/cli/main.ts");
  writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${cli}" "$@"\n`);
  chmodSync(program, 0o755);
  const env = {
    ...process.env,
    PATH: [folder, process.env["PATH"]].join(delimiter),
    ONCE_AGAIN_STORE: store,
    NO_COLOR: "1",
  };
  return (line) => startOnTerminal(line, "y\n", env).ended;
}
