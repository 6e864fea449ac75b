import { constants } from "node:fs";
import { access, copyFile } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { Command } from "commander";
import { type Exercise, gradeSubmission, readExercises } from "../learn/index.ts";
import { exitCodes, painter, runUntilInterrupted, wholeNumber } from "once-again/internal/command";
import { progressBar } from "./progress-bar.ts";

interface LearnFlags {
  readonly file?: string;
  readonly json?: boolean;
}

/** `once-again learn`: exercises, and what is wrong with a repair of one. */
export function learnCommand(): Command {
  return new Command("learn")
    .description(
      "Lists exercises: small servers and callers, each with a mistake. With a number it copies that exercise into this " +
        "folder. With --file it runs your repair through the story of the exercise. If a step goes wrong it names it, and prints the hint.",
    )
    .argument("[number]", "the exercise", wholeNumber(1, 99))
    .option("--file <path>", "grade this program")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  $ once-again learn 4
  $ once-again learn 4 --file 04-a-key-for-each-attempt.ts

Exit codes: 0 it passes, 1 it fails, 2 wrong usage, or a file that can't be read or would be overwritten,
130 interrupted.`,
    )
    .action(run);
}

async function run(number: number | undefined, flags: LearnFlags, command: Command): Promise<void> {
  const exercises = await readExercises();
  if (number === undefined) {
    if (flags.file !== undefined) command.error("error: say which exercise --file is of: once-again learn 4 --file …");
    listExercises(exercises, flags);
    return;
  }
  const exercise = exercises.find((candidate) => candidate.number === number);
  if (exercise === undefined)
    command.error(`error: there is no exercise ${number}; the last one is ${exercises.length}`);
  await (flags.file === undefined
    ? copyExercise(exercise, flags, command)
    : gradeFile(exercise, { ...flags, file: flags.file }, command));
}

const print = (...lines: readonly string[]): unknown => process.stdout.write(lines.map((line) => `${line}\n`).join(""));

const printJson = (value: unknown): unknown => print(JSON.stringify(value, undefined, 2));

function listExercises(exercises: readonly Exercise[], { json }: LearnFlags): void {
  if (json) {
    printJson({ exercises: exercises.map(({ number, name, title, story }) => ({ number, name, title, story })) });
    return;
  }
  print(
    ...exercises.map(({ number, title }) => `${String(number).padStart(2)}  ${title}`),
    "",
    painter.faint("Copy one into this folder: once-again learn 4"),
  );
}

async function copyExercise(exercise: Exercise, { json }: LearnFlags, command: Command): Promise<void> {
  const { number, name, title, story } = exercise;
  const copy = `${name}.ts`;
  try {
    await copyFile(exercise.file, copy, constants.COPYFILE_EXCL);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
    const reason = isThere ? "it is there already, and is not overwritten" : (error as Error).message;
    command.error(`error: ${copy}: ${reason}`);
  }
  if (json) {
    printJson({ number, name, title, story, file: copy });
    return;
  }
  print(
    painter.strong(`${number}. ${title}`),
    "",
    ...story.map((step, index) => `${index + 1}. ${step}`),
    "",
    `The program is in ${copy}. Repair it, and have it graded:`,
    `  once-again learn ${number} --file ${copy}`,
    painter.faint(`Story and hint: https://github.com/once-again-js/once-again/blob/main/docs/learn/${name}/README.md`),
  );
}

async function gradeFile(
  { number, name, title, story, hint }: Exercise,
  { file, json }: LearnFlags & { readonly file: string },
  command: Command,
): Promise<void> {
  const path = resolve(file);
  await access(path, constants.R_OK).catch((error: Error) => command.error(`error: ${error.message}`));
  const bar = progressBar(process.stderr, "steps");
  try {
    const grade = await runUntilInterrupted((signal) =>
      gradeSubmission({ number, file: path }, { signal, onStep: (step) => bar.update(step - 1, story.length) }),
    );
    bar.stop();
    if (json) printJson({ number, name, title, file, ...grade, ...(!grade.passed && { hint }) });
    else if (grade.passed) print(`${painter.good("✓")} ${number}. ${title}: all ${story.length} steps went well.`);
    else print(`${painter.bad("✗")} ${number}. ${title}`, `  ${grade.sentence}`, "", painter.faint(`  Hint: ${hint}`));
    process.exitCode = grade.passed ? exitCodes.fine : exitCodes.bad;
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw error;
    process.exitCode = exitCodes.interrupted;
  } finally {
    bar.stop();
  }
}
