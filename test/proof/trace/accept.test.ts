import { describe, expect, test } from "vitest";
import { runSeed } from "../simulation/run-seed.ts";
import { acceptTrace, missingIn } from "./accept.ts";
import { necessary } from "./explain.ts";
import type { ExecutedLine } from "./trace-step.ts";

/** The trace of a seed, with keys that no other seed has. */
async function traceOf(seed: number): Promise<ExecutedLine[]> {
  const lines: ExecutedLine[] = [];
  await runSeed(seed, (line) => lines.push({ ...line, id: `${seed} ${line.id}`, key: `${seed} ${line.key}` }));
  return lines;
}

const seeds = Array.from({ length: 40 }, (_, index) => index + 1);
const traces = await seeds.reduce<Promise<ExecutedLine[]>>(
  async (before, seed) => [...(await before), ...(await traceOf(seed))],
  Promise.resolve([]),
);

describe("the trace of a simulation", () => {
  test("is accepted, and shows a take-over, a repeat and a lost acknowledgement", () => {
    const accepted = acceptTrace(traces);
    expect(accepted.refused).toEqual([]);
    expect(accepted.calls).toBeGreaterThan(1000);
    expect(missingIn(accepted)).toEqual([]);
  });

  test("without any of those proves too little", () => {
    const [first] = traces.filter(({ call, answer }) => call === "claim" && answer.said === "acquired");
    expect(missingIn(acceptTrace([first!]))).toEqual([...necessary]);
  });

  /** Each way to tamper with a line: its answer, owner, result, time or order. `undefined`: it is left as it is. */
  const tampers: Readonly<Record<string, (line: ExecutedLine) => ExecutedLine | undefined>> = {
    "a claim that was turned away was granted": (line) =>
      line.answer.said === "in-progress" ? { ...line, answer: { said: "acquired", attempt: 1, fence: 1 } } : undefined,
    "a take-over counts as the first attempt": (line) =>
      (line.answer.attempt ?? 1) > 1 ? { ...line, answer: { ...line.answer, attempt: 1 } } : undefined,
    "a take-over has no higher fence": (line) =>
      (line.answer.attempt ?? 1) > 1 ? { ...line, answer: { ...line.answer, fence: 0 } } : undefined,
    "a repeat gets another result": (line) =>
      line.answer.said === "done" ? { ...line, answer: { ...line.answer, result: "another" } } : undefined,
    "a late owner completes": (line) =>
      line.call === "complete" && line.answer.said === "no" ? { ...line, answer: { said: "yes" } } : undefined,
    "an owner is refused": (line) =>
      line.call === "complete" && line.answer.said === "yes" ? { ...line, answer: { said: "no" } } : undefined,
    "another owner completes": (line) =>
      line.call === "complete" && line.answer.said === "yes" ? { ...line, owner: "another" } : undefined,
    "a held key is asked for before it was claimed": (line) =>
      line.answer.said === "abandoned" ? { ...line, executedAt: 0 } : undefined,
    "another request is taken for the same": (line) =>
      line.answer.said === "done" ? { ...line, request: "another" } : undefined,
    "a held key is absent": (line) =>
      line.answer.said === "abandoned" ? { ...line, answer: { said: "acquired", attempt: 1, fence: 1 } } : undefined,
  };

  test.for(Object.entries(tampers))("that was tampered with is refused, by its key and call: %s", ([, tamper]) => {
    const places = traces.flatMap((line, place) => (tamper(line) === undefined ? [] : [place]));
    expect(places.length).toBeGreaterThan(0);
    for (const place of places.slice(0, 25)) {
      const line = traces[place]!;
      const ofKey = traces.filter(({ scope, key }) => scope === line.scope && key === line.key);
      const { refused } = acceptTrace(ofKey.map((one) => (one === line ? tamper(one)! : one)));
      expect(refused, JSON.stringify(line)).toMatchObject([{ scope: line.scope, key: line.key }]);
    }
  });

  test("of which a completion is missing is refused, where a repeat got its result", () => {
    const repeated = new Set(traces.flatMap(({ key, answer }) => (answer.said === "done" ? [key] : [])));
    for (const key of [...repeated].slice(0, 20)) {
      const without = traces.filter(
        (line) => line.key === key && !(line.call === "complete" && line.answer.said === "yes"),
      );
      expect(acceptTrace(without).refused.length, key).toBeGreaterThan(0);
    }
  });
});

describe("a trace of real processes", () => {
  const claim = { call: "claim", scope: "s", key: "k", request: "r", leaseMs: 100 } as const;
  const begun = (id: string, at: number, owner: string) => ({ id, at, process: "p", ...claim, owner });
  const acquired = { said: "acquired", attempt: 1, fence: 5 } as const;

  test("may leave the order of its calls open, and whether one without an answer was executed", () => {
    const { refused, shown } = acceptTrace([
      begun("1", 0, "a"),
      begun("2", 1, "b"),
      { id: "2", answeredAt: 5, ...acquired },
      { id: "1", answeredAt: 9, said: "in-progress" },
      // The process that asks for this one is killed; that it was executed shows in the repeat.
      {
        id: "3",
        at: 20,
        process: "p",
        call: "complete",
        scope: "s",
        key: "k",
        owner: "b",
        result: "x",
        retentionMs: 1e6,
      },
      begun("4", 30, "c"),
      { id: "4", answeredAt: 35, said: "done", result: "x" },
    ]);
    expect(refused).toEqual([]);
    expect(shown).toEqual({ "take-over": 0, repeat: 1, "lost acknowledgement": 1 });
  });

  test("is refused where no order explains it", () => {
    const both = [begun("1", 0, "a"), { id: "1", answeredAt: 5, ...acquired }, begun("2", 6, "b")];
    expect(acceptTrace([...both, { id: "2", answeredAt: 9, ...acquired }]).refused).toMatchObject([{ call: "2" }]);
    // The lease is over from 100 to 105 on.
    expect(acceptTrace([...both, { id: "2", answeredAt: 90, said: "abandoned" }]).refused).toMatchObject([
      { call: "2" },
    ]);
    expect(acceptTrace([...both, { id: "2", answeredAt: 103, said: "abandoned" }]).refused).toEqual([]);
    expect(acceptTrace([...both, { id: "2", answeredAt: 103, said: "in-progress" }]).refused).toEqual([]);
  });

  test("is refused where a call ended before the one that explains it began", () => {
    const early = [begun("1", 0, "a"), { id: "1", answeredAt: 5, said: "in-progress" as const }];
    const late = [begun("2", 6, "b"), { id: "2", answeredAt: 9, ...acquired }];
    expect(acceptTrace([...early, ...late]).refused).toMatchObject([{ call: "1" }]);
    expect(acceptTrace([...early, begun("2", 4, "b"), { id: "2", answeredAt: 9, ...acquired }]).refused).toEqual([]);
  });

  test("with an answer to nothing is no trace", () => {
    expect(() => acceptTrace([{ id: "1", answeredAt: 5, ...acquired }])).toThrow("not under way");
    expect(() => acceptTrace([begun("1", 0, "a"), begun("1", 1, "a")])).toThrow("begins twice");
  });
});
