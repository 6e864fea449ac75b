import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";

/** Asks on the terminal whether to go on; without a terminal it is wrong usage. Ctrl-C and Ctrl-D mean no. */
export async function confirm(question: string, command: Command): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    command.error("error: there is no terminal to ask on: say --yes to do it without asking");
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const closed = once(terminal, "close").then(() => "no");
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    return false;
  } finally {
    terminal.close();
  }
}
