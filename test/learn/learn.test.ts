import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { readExercises } from "../../packages/tools/src/learn/index.ts";
import { cliDocument, runCli } from "../support/cli.ts";

const exercises = await readExercises();

/** How each broken exercise fails: its step, and some words of its sentence. */
const failures: Readonly<Record<number, readonly [step: number, words: RegExp]>> = {
  1: [2, /2 addresses/],
  2: [3, /the status was 201, is 409/],
  3: [2, /the waits were 1, 4, 9 s/],
  4: [3, /2 orders of tea/],
  5: [2, /"account":"acme"/],
  6: [2, /([2-9]|10) effects/],
  7: [2, /gets the first's answer/],
  8: [2, /still got 503/],
  9: [2, /worker two charged the payment/],
  10: [2, /1000 of 1000 callers came back within the same 50 ms/],
  11: [1, /5 times that was refused with 400/],
  12: [3, /died after the commit, and after the repeat there were 0 orders/],
  13: [3, /the message was lost/],
};

/** Writes a submission into a new folder. */
async function writeSubmission(program: string): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), "learn-")), "mine.ts");
  await writeFile(file, program);
  return file;
}

/** An exercise with a repair that is not enough. */
async function writeRepair(
  number: number,
  ...changes: readonly (readonly [from: string, to: string])[]
): Promise<string> {
  let program = await readFile(exercises[number - 1]!.file, "utf8");
  for (const [from, to] of changes) {
    expect(program).toContain(from);
    program = program.replace(from, to);
  }
  return writeSubmission(program);
}

const gradeFile = (number: number, file: string) => cliDocument("learn", `${number}`, "--file", file);

describe.each(exercises)("exercise $number: $title", ({ number, name, story, hint, file }) => {
  test("the broken program fails by its own sentence, at its step", async () => {
    const [step, sentence] = failures[number]!;
    expect(step).toBeLessThanOrEqual(story.length);
    const { code, document } = await gradeFile(number, file);
    expect(document).toMatchObject({ number, name, passed: false, step, sentence: expect.stringMatching(sentence) });
    expect(document).toMatchObject({
      sentence: expect.stringMatching(new RegExp(`^At step ${step} of the story .+\\.$`)),
      hint,
    });
    // A hint of the page in one line, without its marks.
    expect(hint).toMatch(/^[A-Z`].{40,}[.?]$/);
    expect(code).toBe(1);
  });

  test("the solution passes", async () => {
    const { code, document } = await gradeFile(number, resolve(`test/learn/solutions/${name}.ts`));
    expect(document).toMatchObject({ number, passed: true, sentence: "" });
    expect(document).not.toHaveProperty("hint");
    expect(code).toBe(0);
  });
});

describe("a repair that is not enough", () => {
  test("4: a key that is made of the item joins two orders", async () => {
    const file = await writeRepair(4, ['"Idempotency-Key": crypto.randomUUID()', '"Idempotency-Key": item']);
    expect((await gradeFile(4, file)).document).toMatchObject({ passed: false, step: 4 });
  });

  test("9: a lease of ten minutes locks the payment of a dead worker", async () => {
    const file = await writeRepair(9, ["worker, 1000)", "worker, 660_000)"]);
    expect((await gradeFile(9, file)).document).toMatchObject({ passed: false, step: 4 });
  });

  test("9: a lease of half a minute ends before ten minutes of work", async () => {
    const file = await writeRepair(9, ["worker, 1000)", "worker, 30_000)"]);
    expect((await gradeFile(9, file)).document).toMatchObject({ passed: false, step: 5 });
  });

  test("11: a caller that repeats no 4xx, but does not read Retry-After", async () => {
    const file = await writeRepair(11, ["response.ok ||", "response.status === 400 || response.ok ||"]);
    expect((await gradeFile(11, file)).document).toMatchObject({ passed: false, step: 2 });
  });

  test("12: an order that is written before its key is written twice", async () => {
    const insert = '  await database.insert("orders", id, item);\n';
    const file = await writeRepair(
      12,
      [insert, ""],
      ["  await database.transaction(", `${insert}  await database.transaction(`],
    );
    expect((await gradeFile(12, file)).document).toMatchObject({
      sentence: expect.stringMatching(/there were 2 orders/),
    });
  });

  test("13: an acknowledgement at the end alone ships twice", async () => {
    const acknowledge = "  await message.acknowledge();\n";
    const file = await writeRepair(13, [acknowledge, ""], ["message.item);\n", `message.item);\n${acknowledge}`]);
    expect((await gradeFile(13, file)).document).toMatchObject({ passed: false, step: 4 });
  });
});

describe("a program that can't be graded", () => {
  test.each([
    ["has a mistake in its syntax", "export function (", /could not be loaded/],
    ["exports nothing", "export {};", /exports no function waitBeforeRetry/],
    ["ends its process", "process.exit(0);", /ended its process/],
    [
      "throws",
      'export function waitBeforeRetry(): number { throw new Error("no idea"); }',
      /At step 2 of the story your program threw "no idea"/,
    ],
  ])("fails if it %s", async (_, program, sentence) => {
    const { code, document } = await gradeFile(10, await writeSubmission(program));
    expect(document).toMatchObject({ passed: false, sentence: expect.stringMatching(sentence) });
    expect(code).toBe(1);
  });

  test("is wrong usage if it is not there", async () => {
    const { code, stderr } = await runCli(["learn", "4", "--file", "nowhere.ts"]);
    expect(code).toBe(2);
    expect(stderr).toContain("nowhere.ts");
  });
});

describe("without --file", () => {
  test("the exercises are listed", async () => {
    const { code, stdout } = await runCli(["learn"]);
    expect(code).toBe(0);
    for (const { title } of exercises) expect(stdout).toContain(title);
  });

  test("an exercise is copied into the folder with its story, and never over another file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "learn-"));
    const { code, stdout } = await runCli(["learn", "4"], {}, folder);
    expect(code).toBe(0);
    expect(stdout).toContain("3. The caller tries again.");
    expect(stdout).toContain("--file 04-a-key-for-each-attempt.ts");
    const copy = join(folder, "04-a-key-for-each-attempt.ts");
    expect(await readFile(copy, "utf8")).toBe(await readFile(exercises[3]!.file, "utf8"));
    await writeFile(copy, "mine");
    const again = await runCli(["learn", "4"], {}, folder);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain("not overwritten");
    expect(await readFile(copy, "utf8")).toBe("mine");
  });

  test.each([[["learn", "99"]], [["learn", "four"]], [["learn", "--file", "mine.ts"]]])(
    "%j is wrong usage",
    async (words) => {
      expect((await runCli(words)).code).toBe(2);
    },
  );
});

test("each exercise has a story and a folded hint, its page is listed, and its program imports nothing", async () => {
  const list = await readFile("docs/learn/README.md", "utf8");
  expect(await readdir("test/learn/solutions")).toEqual(exercises.map(({ name }) => `${name}.ts`));
  for (const { name, number, title, story, file } of exercises) {
    const page = await readFile(`docs/learn/${name}/README.md`, "utf8");
    expect(page).toMatch(new RegExp(`^# ${number}\\. `));
    expect(page).toMatch(/<details>\n<summary>Hint<\/summary>\n[^]+<\/details>/);
    expect(story.length).toBeGreaterThan(2);
    expect(list).toContain(`${number}. [${title}](${name}/README.md)`);
    expect(await readFile(file, "utf8")).not.toMatch(/^import /m);
  }
});
