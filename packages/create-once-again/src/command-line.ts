import { parseArgs } from "node:util";
import { type Choices, fit, frameworks, keysOf, modes, modesOf, type StoreName, stores, storesFor } from "./choices.ts";

/** The command was used wrongly: exit code 2. */
export class UsageError extends Error {}

export const help = `Usage: npm create once-again [folder] -- [options]

Makes a small project: a server that charges once, a test, and a script that kills the server between the charge
and its response. On a terminal it asks for what the options leave open.

Options:
  --framework <name>  ${keysOf(frameworks).join(", ")}
  --store <name>      ${keysOf(stores).join(", ")}
                      worker and worker-hono go with ${storesFor("worker").join(" and ")}, and with nothing else
  --mode <name>       ${keysOf(modes).join(", ")} (transactional: ${transactionalStores().join(", ")})
  --json              prints what was made as JSON
  --help              prints this
  --version           prints the version

The folder must be new or empty, but for a .git (default: once-again-app).

Exit codes: 0 the project is made, 1 it could not be written, 2 the command was used wrongly.

Example:
  $ npm create once-again shop -- --framework express --store postgres --mode transactional
`;

function transactionalStores(): StoreName[] {
  return keysOf(stores).filter((store) => stores[store].isTransactional);
}

/** The choices that the command line has made; the others are `undefined`. */
export interface CommandLine {
  readonly folder: string | undefined;
  readonly choices: { readonly [Name in keyof Choices]: Choices[Name] | undefined };
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

/** @throws UsageError for an unknown option or name, and for choices that do not go together. */
export function readCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parse(args);
  if (positionals.length > 1) throw new UsageError(`One folder, not ${positionals.length}: ${positionals.join(", ")}.`);
  const choices = {
    framework: choiceOf("framework", values.framework, keysOf(frameworks)),
    store: choiceOf("store", values.store, keysOf(stores)),
    mode: choiceOf("mode", values.mode, keysOf(modes)),
  };
  const { framework, store, mode } = choices;
  if (framework !== undefined && store !== undefined && !fit(framework, store)) {
    throw new UsageError(
      `--store ${store} does not work with --framework ${framework}: Workers have their keys in Cloudflare, and nothing else ` +
        `does. Use --store ${storesFor(framework).join("|")}.`,
    );
  }
  if (store !== undefined && mode !== undefined && !modesOf(store).includes(mode)) {
    throw new UsageError(
      `--mode ${mode} does not work with --store ${store}: the effect must be a row in the database that has the keys. ` +
        `Use --store ${transactionalStores().join("|")}, or --mode leased.`,
    );
  }
  return { folder: positionals[0], choices, json: values.json, help: values.help, version: values.version };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        framework: { type: "string" },
        store: { type: "string" },
        mode: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        version: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function choiceOf<Name extends string>(option: string, value: string | undefined, names: readonly Name[]) {
  if (value === undefined) return undefined;
  const name = names.find((name) => name === value);
  if (name === undefined) throw new UsageError(`--${option} is one of ${names.join(", ")}, not "${value}".`);
  return name;
}

/** The choices of a command line that leaves nothing open. @throws UsageError with the options that are missing. */
export function completeChoices({ framework, store, mode }: CommandLine["choices"]): Choices {
  const missing = Object.entries({ framework, store, mode }).filter(([, value]) => value === undefined);
  if (framework === undefined || store === undefined || mode === undefined) {
    const options = missing.map(([name]) => `--${name}`).join(", ");
    throw new UsageError(`Without a terminal nothing can be asked for: give ${options}.`);
  }
  return { framework, store, mode };
}
