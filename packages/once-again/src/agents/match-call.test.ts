import { describe, expect, test } from "vitest";
import { type CallPosition, matchCall, type Intention } from "./match-call.ts";

const hash = (text: string): string => text.padEnd(64, "0");
const tea = hash("tea");
const coffee = hash("coffee");

function intention(name: string, more: Partial<Intention> = {}): Intention {
  return {
    name,
    tool: "order",
    fingerprint: tea,
    state: "done",
    matchedName: undefined,
    isWaiting: false,
    isReturned: false,
    isApart: false,
    answer: undefined,
    ...more,
  };
}

const decide = (place: CallPosition, known: readonly Intention[], fingerprint = tea, isVerbatim = false) =>
  matchCall({ tool: "order", fingerprint, place, isVerbatim }, known);

describe("a step", () => {
  const step: CallPosition = { rule: "step", step: "s1" };

  test("is one intention, whatever has become of others", () => {
    expect(decide(step, [])).toEqual({ kind: "new", name: "order step s1" });
    expect(decide(step, [intention("order step s0", { state: "unknown" })])).toMatchObject({ kind: "new" });
  });

  test("that comes again is the same", () => {
    for (const state of ["planned", "running", "done", "unknown"] as const) {
      const known = intention("order step s1", { state });
      expect(decide(step, [known])).toEqual({ kind: "same", intention: known });
    }
  });

  test("with other arguments is asked about, once", () => {
    const known = intention("order step s1");
    const decision = decide(step, [known], coffee);
    expect(decision).toMatchObject({ kind: "undecided", why: "changed", earlier: [known] });
    const changed = intention((decision as { name: string }).name, { fingerprint: coffee });
    expect(decide(step, [known, changed], coffee)).toEqual({ kind: "same", intention: changed });
  });

  test("of which nothing has happened yet may change", () => {
    expect(decide(step, [intention("order step s1", { state: "planned" })], coffee)).toMatchObject({ kind: "new" });
  });
});

describe("after a history", () => {
  const at = (
    history: string,
    more: { index?: number; seen?: number; answer?: object; root?: string } = {},
  ): CallPosition => {
    const { index = 0, seen = 0, answer = {}, root = "go" } = more;
    const seenOf = (print: string): number => (print === tea ? seen : 0);
    return { rule: "history", history: hash(history), root, index, answer, seen: seenOf };
  };
  const name = (place: CallPosition) => (decide(place, []) as { name: string }).name;

  test("the same arguments are the same intention", () => {
    const known = intention(name(at("h1")));
    expect(decide(at("h1"), [known])).toEqual({ kind: "same", intention: known });
  });

  test("the same arguments prove nothing while a call in other words is left, unless words never change", () => {
    const named = (print: string): string => (decide(at("h1"), [], print) as { name: string }).name;
    const [one, other] = [intention(named(tea)), intention(named(coffee), { fingerprint: coffee })];
    expect(decide(at("h1"), [one, other])).toMatchObject({
      kind: "undecided",
      why: "in-same-words",
      earlier: [one, other],
    });
    expect(decide(at("h1"), [one, other], tea, true)).toEqual({ kind: "same", intention: one });
    const equal = intention("order after h0");
    expect(decide(at("h1"), [one, equal, other])).toMatchObject({ earlier: [one, equal, other] });
    const come = { ...other, matchedName: other.name };
    expect(decide(at("h1"), [one, come])).toEqual({ kind: "same", intention: one });
  });

  test("that is cut short, an equal call is no proof, whatever is equal in what is left", () => {
    const cut = at("h1", { root: "an error" });
    const [first, known] = [intention("order first", { root: "go" }), intention(name(cut), { root: "an error" })];
    expect(decide(cut, [first, known])).toMatchObject({ kind: "undecided", why: "left-behind" });
    expect(decide(cut, [known])).toEqual({ kind: "same", intention: known });
  });

  test("that shows the earlier ones, an equal call is another one", () => {
    expect(decide(at("h2", { seen: 1 }), [intention(name(at("h1")))])).toMatchObject({ kind: "new" });
  });

  test("that lacks an earlier call, the intention is undecided", () => {
    const known = intention(name(at("h1")));
    expect(decide(at("h2"), [known])).toMatchObject({ kind: "undecided", why: "left-behind", earlier: [known] });
    expect(decide(at("h1"), [known], coffee)).toMatchObject({ kind: "undecided", why: "left-behind" });
  });

  test("that shows a call which a person said is another one, shows no equal one", () => {
    const known = intention("order elsewhere");
    const alias = intention("order in other words", { state: "planned", same: "order coffee" });
    expect(decide(at("h2", { seen: 1 }), [known])).toMatchObject({ kind: "new" });
    expect(decide(at("h2", { seen: 1 }), [known, alias])).toMatchObject({ kind: "undecided", earlier: [known] });
  });

  test("two equal calls of one answer are two, and others beside it are no question", () => {
    const answer = {};
    const known = intention(name(at("h1")), { answer, state: "running" });
    expect(decide(at("h1", { index: 1, answer }), [known])).toMatchObject({ kind: "new" });
    expect(decide(at("h1", { answer }), [{ ...known, state: "unknown" }], coffee)).toMatchObject({ kind: "new" });
  });

  test("that shows a call in doubt, the intention is undecided", () => {
    const known = intention(name(at("h1")), { state: "unknown" });
    expect(decide(at("h2", { seen: 1 }), [known])).toMatchObject({ kind: "undecided", why: "in-doubt" });
  });

  test("one that a person has set apart is asked about no more", () => {
    const known = intention(name(at("h1")), { isApart: true });
    expect(decide(at("h2"), [known])).toMatchObject({ kind: "new" });
  });
});

describe("by occurrence", () => {
  const once: CallPosition = { rule: "occurrence", isReplayed: false };
  const replayed: CallPosition = { rule: "occurrence", isReplayed: true };

  test("equal calls of one process are as many intentions", () => {
    const first = intention("order 1", { isReturned: true });
    const second = intention("order 2", { state: "running", isWaiting: true });
    expect(decide(once, [first, second])).toEqual({ kind: "new", name: `order ${tea.slice(0, 24)} 3` });
  });

  test("in a run that starts over, the first is the first", () => {
    const [one, two] = [1, 2].map((at) => intention(`order ${tea.slice(0, 24)} ${at}`));
    expect(decide(replayed, [one!, two!])).toEqual({ kind: "same", intention: one });
    expect(decide(replayed, [{ ...one!, matchedName: one!.name, isReturned: true }, two!])).toEqual({
      kind: "same",
      intention: two,
    });
  });

  test("in a run that does not say how it goes on, the intention is undecided", () => {
    const left = intention("order 1");
    expect(decide(once, [left])).toMatchObject({ kind: "undecided", why: "left-behind", earlier: [left] });
    expect(decide(replayed, [left], coffee)).toMatchObject({ kind: "undecided", why: "left-behind" });
  });

  test("a call that the model knows to be in doubt is asked about", () => {
    const doubtful = intention("order 1", { state: "unknown", isReturned: true });
    expect(decide(once, [doubtful])).toMatchObject({ kind: "undecided", why: "in-doubt" });
  });

  test("what is only planned, and other tools, are no question", () => {
    const others = [intention("order 1", { state: "planned" }), intention("mail 1", { tool: "mail" })];
    expect(decide(once, others)).toMatchObject({ kind: "new" });
  });
});
