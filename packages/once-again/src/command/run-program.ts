import process from "node:process";
import { exitCodes } from "./exit-codes.ts";
import { nodeVersionProblem } from "./node-version.ts";

/** What we use of a `Command` of commander, on which `exitOverride()` was called. */
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
