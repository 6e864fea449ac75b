import process from "node:process";
import { exitCodes } from "./exit-codes.ts";

/** The part of commander's `Command` that we use, on which `exitOverride()` was called. */
interface Program {
  parseAsync(argv: readonly string[]): Promise<unknown>;
}

/**
 * Runs the command line that this process was started with, and sets its exit code.
 *
 * @param load imports the program: not before the version of Node is known, as an older one lacks things that it imports.
 */
export async function runProgram(load: () => Promise<Program>): Promise<void> {
  const problem = nodeVersionProblem(process.versions.node);
  if (problem !== undefined) {
    process.stderr.write(`error: ${problem}\n`);
    process.exitCode = exitCodes.usage;
    return;
  }
  // A reader such as head closes the pipe when it has enough. That is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  const program = await load();
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    // Commander has said what is wrong. Its own code for that is 1, as for a bad result.
    process.exitCode = error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
  }
}

/** By its name: a program and one of its commands may have a copy of commander each. */
function isCommanderError(error: unknown): error is Error & { readonly exitCode: number } {
  return error instanceof Error && error.name === "CommanderError";
}

/** The oldest Node that runs the commands: `engines` in package.json. */
const oldest = [22, 21] as const;

/** Says what to do about a version of Node that is too old, such as "20.11.1"; undefined when it is new enough. */
export function nodeVersionProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return undefined;
  return `once-again needs Node ${oldest.join(".")} or newer, and this is Node ${version}. Install a newer one: https://nodejs.org`;
}
