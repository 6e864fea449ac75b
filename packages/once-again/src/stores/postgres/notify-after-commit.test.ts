import { beforeEach, expect, test } from "vitest";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import { type NotifyAfterCommit, notifyAfterCommit } from "./notify-after-commit.ts";

let clock: ReturnType<typeof fakeClock>;
let open: Set<string>;
let questions: { at: number; ids: string[] }[];
let answer: () => Promise<void>;
let watch: NotifyAfterCommit;

beforeEach(() => {
  clock = fakeClock();
  open = new Set();
  questions = [];
  answer = async () => undefined;
  watch = notifyAfterCommit(
    "orders",
    async (_, [ids] = []) => {
      const asked = JSON.parse(String(ids)) as string[];
      questions.push({ at: clock.monotonic(), ids: asked });
      await answer();
      const left = asked.filter((id) => open.has(id));
      return [{ open: left.length === 0 ? null : JSON.stringify(left) }];
    },
    clock,
  );
});

test("transactions that add at a time are asked about once, and nothing is asked after their end", async () => {
  for (const id of ["1", "2", "2", "3"]) watch(id);
  await clock.advance(60_000);
  expect(questions).toEqual([{ at: 1, ids: ["1", "2", "3"] }]);
  expect(clock.pending).toBe(0);
});

test("between an answer and the next question it rests, however many commit", async () => {
  for (let ms = 0; ms < 100; ms += 1) {
    watch(`${ms}`);
    await clock.advance(1);
  }
  await clock.advance(100);
  const times = questions.map(({ at }) => at);
  expect(times.every((at, index) => index === 0 || at - times[index - 1]! >= 2)).toBe(true);
  expect(questions.flatMap(({ ids }) => ids)).toHaveLength(100);
  expect(times.length).toBeLessThanOrEqual(51);
});

test("there is one question at a time, and what is added meanwhile is in the next", async () => {
  const answered = Promise.withResolvers<void>();
  answer = () => answered.promise;
  watch("1");
  await clock.advance(1);
  watch("2");
  await clock.advance(1000);
  expect(questions).toHaveLength(1);
  answered.resolve();
  await clock.advance(2);
  expect(questions.map(({ ids }) => ids)).toEqual([["1"], ["2"]]);
});

test("a transaction that stays open is asked about ever more rarely, and for 10 s after its last message", async () => {
  open.add("1");
  watch("1");
  await clock.advance(60_000);
  const times = questions.map(({ at }) => at);
  expect(times.slice(0, 4)).toEqual([1, 3, 5, 7]);
  expect(times.length).toBeLessThan(100);
  expect(times.at(-2)).toBeLessThanOrEqual(10_000);
  expect(times.at(-1)).toBeLessThanOrEqual(10_000 + 250);
  expect(clock.pending).toBe(0);
});

test("one that stays open delays no other's notification", async () => {
  open.add("long");
  watch("long");
  await clock.advance(5000);
  const before = questions.length;
  watch("short");
  await clock.advance(1);
  expect(questions.slice(before)).toEqual([{ at: 5001, ids: ["long", "short"] }]);
});

test("a question that fails is not asked again, and the next message's is", async () => {
  answer = () => Promise.reject(new Error("The connection is lost."));
  watch("1");
  await clock.advance(60_000);
  expect(questions).toHaveLength(1);
  expect(clock.pending).toBe(0);
  watch("2");
  await clock.advance(1);
  expect(questions.at(-1)?.ids).toEqual(["2"]);
});

test("of very many open transactions the last 1000 are asked about", async () => {
  for (let id = 0; id < 1200; id += 1) watch(`${id}`);
  await clock.advance(1);
  expect(questions[0]?.ids).toHaveLength(1000);
  expect(questions[0]?.ids.at(-1)).toBe("1199");
});
