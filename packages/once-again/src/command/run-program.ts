import process from "node:process";
import { platformProblem } from "../core/platform.ts";
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
  const problem = platformProblem();
  if (problem !== undefined) {
    process.stderr.write(`error: ${problem}\n`);
    process.exitCode = exitCodes.usage;
    return;
  }
  process.stdout.on("error", endWithOutput);
  // About the stream that says errors nothing can be said.
  process.stderr.on("error", () => undefined);
  const program = await load();
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    // Commander has said what is wrong. Its own code for that is 1, as for a bad result.
    process.exitCode = error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
    // Not by itself: a connection that waits for a silent server would keep the process.
    process.stdout.write("", () => process.stderr.write("", () => process.exit()));
  }
}

function endWithOutput({ code, message }: NodeJS.ErrnoException): void {
  // A reader such as head closes the pipe when it has enough. That is no error.
  if (code === "EPIPE") process.exit();
  // A full disk is: an exit code of 1, as of an exception, would say that the command's result is bad.
  process.stderr.write(`error: the output can't be written: ${message}\n`);
  process.exit(exitCodes.usage);
}

/**
 * Has this process go on when its output can't be written: a server has requests under way, and its output is only a log.
 *
 * @param onLost called with the first error.
 */
export function outliveOutput(onLost: (error: Error) => void): void {
  // The listener that would end the process may be of another copy of this package.
  process.stdout.removeAllListeners("error");
  let isLost = false;
  process.stdout.on("error", (error) => {
    if (isLost) return;
    isLost = true;
    onLost(error);
  });
}

/** By its name: a program and one of its commands may have a copy of commander each. */
function isCommanderError(error: unknown): error is Error & { readonly exitCode: number } {
  return error instanceof Error && error.name === "CommanderError";
}
