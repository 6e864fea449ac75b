import process from "node:process";
import { parseArgs, type ParseArgsConfig } from "node:util";

/** The exit codes of a command of this folder: all is fine, what it looked at is bad, it could not run as asked. */
export const exitCodes = { fine: 0, bad: 1, usage: 2 } as const;

/** A command that can't run as it was asked. */
export class UsageError extends Error {}

/** From where to where a number may be; default 1, and as large as numbers are exact. */
interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/** The whole number that an option says, `fallback` without one. @throws UsageError when it says something else. */
export function wholeNumber(name: string, text: string | undefined, fallback: number, bounds: Bounds = {}): number {
  if (text === undefined) return fallback;
  const { min = 1, max = Number.MAX_SAFE_INTEGER } = bounds;
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  const most = max === Number.MAX_SAFE_INTEGER ? "" : ` and at most ${max}`;
  throw new UsageError(`--${name} must be a whole number of at least ${min}${most}, but it is ${text}.`);
}

/** The whole numbers that an option lists, with commas between them. @throws UsageError when it says something else. */
export function wholeNumbers(name: string, text: string, bounds?: Bounds): number[] {
  return text.split(",").map((one) => wholeNumber(name, one, 0, bounds));
}

/** Runs a command of this folder: reads its options, shows its help, and ends with its exit code. */
export async function command<Options extends NonNullable<ParseArgsConfig["options"]>>(
  help: string,
  options: Options,
  run: (values: ReturnType<typeof parseArgs<{ options: Options }>>["values"]) => Promise<number>,
): Promise<void> {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: "boolean" } } });
    if ("help" in values && values.help === true) {
      process.stdout.write(`${help}\n\nExit codes: 0 as it should be, 1 not, 2 wrong usage.\n`);
      return;
    }
    process.exitCode = await run(values);
  } catch (error) {
    const isUsage = error instanceof UsageError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS");
    if (isUsage !== true) throw error;
    process.stderr.write(`${(error as Error).message}\n\n${help}\n`);
    process.exitCode = exitCodes.usage;
  }
}

/** Says on one line how far a command has come, on a terminal only. */
export function progressLine(): { say(text: string): void; clear(): void } {
  const { stderr } = process;
  const write = (text: string): void => void (stderr.isTTY && stderr.write(`\r\u001B[K${text}`));
  return { say: write, clear: () => write("") };
}

/** Prints a document for programs. */
export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}
