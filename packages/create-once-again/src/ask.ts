import type { Interface } from "node:readline/promises";
import type { CommandLine } from "./command-line.ts";
import { type Choices, fit, frameworks, keysOf, modes, modesOf, stores, storesFor } from "./choices.ts";

/** Asks on a terminal for the choices that the command line leaves open. */
export async function askChoices(terminal: Interface, given: CommandLine["choices"]): Promise<Choices> {
  const fitting = keysOf(frameworks).filter((name) => given.store === undefined || fit(name, given.store));
  const framework = given.framework ?? (await ask(terminal, "Framework", frameworks, fitting));
  const possible = storesFor(framework).filter(
    (store) => given.mode === undefined || modesOf(store).includes(given.mode),
  );
  const store = given.store ?? (await ask(terminal, "Store", stores, possible));
  const mode = given.mode ?? (await ask(terminal, "Mode", modes, modesOf(store)));
  return { framework, store, mode };
}

/** Asks for one of several names. Its number or its name will do; an empty line takes the first one. */
async function ask<Name extends string>(
  terminal: Interface,
  title: string,
  choices: Readonly<Record<Name, { readonly title: string }>>,
  names: readonly Name[],
): Promise<Name> {
  const [first] = names;
  if (names.length === 1) return first!;
  const list = names.map((name, index) => `  ${index + 1}. ${name}: ${choices[name].title}\n`).join("");
  for (;;) {
    const line = (await terminal.question(`${title}:\n${list}Number or name (${first}): `)).trim();
    if (line === "") return first!;
    const chosen = names.find((name, index) => line === name || line === String(index + 1));
    if (chosen !== undefined) return chosen;
  }
}
