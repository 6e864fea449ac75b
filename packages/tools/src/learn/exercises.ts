import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** A program with a mistake, and the story in which the mistake shows. */
export interface Exercise {
  readonly number: number;
  /** Also the name of its folder, and of the copy: `04-a-key-for-each-attempt`. */
  readonly name: string;
  readonly title: string;
  /** The steps of its story, in Markdown. */
  readonly story: readonly string[];
  /** The way to a repair, without the repair; in Markdown. */
  readonly hint: string;
  /** The program with the mistake. */
  readonly file: string;
}

// The package ships a copy; from the sources the folder of the repository is read.
const folder = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../../../../docs/learn/" : "../../docs/learn/", import.meta.url),
);

/** All exercises, in their order. */
export async function readExercises(): Promise<readonly Exercise[]> {
  const names = (await readdir(folder)).filter((name) => /^\d\d-/.test(name)).sort();
  return Promise.all(names.map(readExercise));
}

async function readExercise(name: string): Promise<Exercise> {
  const page = await readFile(`${folder}${name}/README.md`, "utf8");
  const [, title = name] = /^# \d+\. (.+)$/m.exec(page) ?? [];
  const steps = between(page, "## The story\n", "<details>");
  const hint = between(page, "<summary>Hint</summary>\n", "</details>");
  return {
    number: Number(name.slice(0, 2)),
    name,
    title,
    story: Array.from(steps.matchAll(/^\d+\. (.*(?:\n {3}.*)*)/gm), ([, step = ""]) => step.replaceAll(/\n {3}/g, " ")),
    hint: hint.trim().split(/\s+/).join(" "),
    file: `${folder}${name}/exercise.ts`,
  };
}

/** The part of a page from behind a line to before another; empty where it has none. */
function between(page: string, start: string, end: string): string {
  const from = page.indexOf(`\n${start}`);
  const until = page.indexOf(`\n${end}`, from);
  return from === -1 || until === -1 ? "" : page.slice(from + start.length + 1, until + 1);
}
