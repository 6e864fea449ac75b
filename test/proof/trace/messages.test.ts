import { describe, expect, test } from "vitest";
import { acceptTrace, missingIn } from "./accept.ts";
import type { OutboxCall, TracedAnswer, TracedCall, TraceLine, TransactionCall } from "./trace-step.ts";

// The acceptor has to be able to say no: each trace here is a sound one, to which one thing was done.

let ids = 0;

/** A call from a time to that of its answer; without an answer: its process was killed. */
function asked(process: string, at: number, call: TracedCall, answeredAt?: number, answer?: TracedAnswer): TraceLine[] {
  const id = `${process} ${(ids += 1)}`;
  const begun = { id, at, process, ...call };
  return answeredAt === undefined || answer === undefined ? [begun] : [begun, { id, answeredAt, ...answer }];
}

const step = (process: string, executedAt: number, call: TracedCall): TraceLine => ({
  id: `${process} ${(ids += 1)}`,
  executedAt,
  process,
  isHeard: true,
  answer: { said: "yes" },
  ...call,
});

const yes: TracedAnswer = { said: "yes" };

/** The line that says so, replaced, or taken out. */
type Tamper = (line: TraceLine) => TraceLine | readonly TraceLine[];
const tampered = (lines: readonly TraceLine[], tamper: Tamper): TraceLine[] => lines.flatMap(tamper);
const isCall = <Name extends TracedCall["call"]>(line: TraceLine, name: Name) => "call" in line && line.call === name;

describe("the trace of an outbox", () => {
  const orderingKey = "k";
  const claim = (owner: string): OutboxCall => ({ call: "claim messages", owner, leaseMs: 100 });
  const got = (...messages: [string, number][]): TracedAnswer => ({
    said: "claimed",
    messages: messages.map(([id, refusals]) => ({ id, refusals })),
  });
  const publish = (process: string, at: number, id: string): TraceLine =>
    step(process, at, { call: "publish", ids: [id] });
  const confirmed = (process: string, at: number, id: string): TraceLine =>
    step(process, at, { call: "confirmed", ids: [id] });
  const returned = { id: "b", owner: "A", delayMs: 50, refusals: 1 };

  const sound = [
    asked("writer", 0, { call: "add", orderingKey, ids: ["a", "b"] }, 5, { said: "committed" }),
    asked("relay-1", 6, claim("A"), 8, got(["a", 0], ["b", 0])),
    publish("relay-1", 9, "a"),
    confirmed("relay-1", 10, "a"),
    publish("relay-1", 11, "b"),
    asked("relay-1", 12, { call: "return", returns: [returned] }, 14, yes),
    asked("relay-1", 15, { call: "remove", ids: ["a"] }, 17, yes),
    // Its writer is killed: that it was committed shows in a claim.
    asked("writer", 18, { call: "add", orderingKey, ids: ["c"] }),
    asked("relay-2", 70, claim("B"), 72, got(["b", 1], ["c", 0])),
    publish("relay-2", 73, "b"),
    // It stands still. Its lease is over, and another takes its messages over.
    asked("relay-1", 180, claim("C"), 182, got(["b", 1], ["c", 0])),
    confirmed("relay-2", 183, "b"),
    // It does not hold it any more.
    asked("relay-2", 184, { call: "return", returns: [{ id: "b", owner: "B", delayMs: 0, refusals: 2 }] }, 185, yes),
    publish("relay-1", 186, "b"),
    asked("relay-1", 187, { call: "return", returns: [{ id: "b", owner: "C", delayMs: 0 }] }, 188, yes),
    asked("relay-1", 189, claim("D"), 190, got(["b", 1], ["c", 0])),
    publish("relay-1", 191, "b"),
    confirmed("relay-1", 192, "b"),
    publish("relay-1", 195, "c"),
    confirmed("relay-1", 196, "c"),
    asked("relay-1", 197, { call: "remove", ids: ["b", "c"] }, 199, yes),
  ].flat();

  test("is accepted, and shows a take-over and a lost acknowledgement", () => {
    const accepted = acceptTrace(sound);
    expect(accepted.refused).toEqual([]);
    expect(accepted.shown).toEqual({ "take-over": 1, repeat: 0, "lost acknowledgement": 1 });
    expect(missingIn(accepted)).toEqual(["repeat"]);
  });

  const answersOf = (owner: string): string | undefined =>
    sound.find((line) => "call" in line && line.call === "claim messages" && line.owner === owner)?.id;
  /** Gives the claim of an owner another answer, or an earlier time. */
  const claimed =
    (owner: string, change: (line: TraceLine) => TraceLine): Tamper =>
    (line) =>
      line.id === answersOf(owner) ? change(line) : line;
  const answer =
    (...messages: [string, number][]) =>
    (line: TraceLine): TraceLine =>
      "answeredAt" in line ? { ...line, ...got(...messages) } : line;
  const moved =
    (byMs: number) =>
    (line: TraceLine): TraceLine =>
      "at" in line
        ? { ...line, at: line.at + byMs }
        : "answeredAt" in line
          ? { ...line, answeredAt: line.answeredAt + byMs }
          : line;
  const ofIds = (line: TraceLine, name: TracedCall["call"], id: string): boolean =>
    isCall(line, name) && "ids" in line && line.ids.includes(id);

  test.for(
    Object.entries<Tamper>({
      "O1: messages come in another order than their commits": claimed("A", answer(["b", 0], ["a", 0])),
      "O2: a message was rolled back": (line) =>
        "said" in line && line.said === "committed" ? { ...line, said: "rolled back" } : line,
      "O2: a message is claimed before its commit": claimed("A", moved(-10)),
      "O3: a message is not there any more": claimed("D", answer(["a", 0])),
      "O4: a key is claimed behind its oldest": (line) =>
        line.id === answersOf("B") && "at" in line
          ? [...asked("relay-3", 65, { call: "claim messages", owner: "E", leaseMs: 1 }, 66, got(["c", 0])), line]
          : line,
      "O4: a key is claimed twice": (line) =>
        line.id === answersOf("B") && "answeredAt" in line
          ? [line, ...asked("relay-3", 73, claim("E"), 74, got(["b", 1], ["c", 0]))]
          : line,
      "O5: the next is published before a confirmation": (line) =>
        ofIds(line, "confirmed", "a") ? { ...line, executedAt: 11.5 } : line,
      "O5: one is published that no relay claimed": (line) =>
        ofIds(line, "publish", "c") ? { ...line, process: "relay-3" } : line,
      "O6: a lease is taken over before it is over": claimed("C", moved(-20)),
      "O6: a delay is not waited for": claimed("B", moved(-20)),
      "O7: one is removed that was not confirmed": (line) =>
        ofIds(line, "remove", "c") && "at" in line
          ? [line, ...asked("relay-2", 200, { call: "remove", ids: ["c"] }, 201, yes)]
          : line,
      "O8: a late return changes what another has": claimed("D", answer(["b", 2], ["c", 0])),
      "a refusal is not counted": claimed("B", answer(["b", 0], ["c", 0])),
      "a parked message is claimed": (line) =>
        isCall(line, "return") && "returns" in line && line.returns[0]!.id === "b"
          ? { ...line, returns: [{ ...line.returns[0]!, park: "block" }] }
          : line,
    }),
  )("that was tampered with is refused: %s", ([, tamper]) => {
    expect(acceptTrace(tampered(sound, tamper)).refused).toMatchObject([{ scope: "the outbox", key: "key k" }]);
  });

  test("lets the others of a key pass one that is parked so", () => {
    const parked = [
      asked("writer", 0, { call: "add", orderingKey, ids: ["a", "b"] }, 5, { said: "committed" }),
      asked("relay-1", 6, claim("A"), 8, got(["a", 0], ["b", 0])),
      publish("relay-1", 9, "a"),
      publish("relay-1", 10, "b"),
      confirmed("relay-1", 11, "b"),
      asked("relay-1", 12, { call: "return", returns: [{ id: "a", owner: "A", delayMs: 0, park: "pass" }] }, 14, yes),
      asked("relay-1", 15, { call: "remove", ids: ["b"] }, 17, yes),
    ].flat();
    // The relay publishes on before the return is written.
    expect(acceptTrace(parked).refused).toEqual([]);
    const isReturn = (line: TraceLine): boolean => isCall(line, "return");
    const blocked = tampered(parked, (line) =>
      isReturn(line)
        ? { ...line, call: "return", returns: [{ id: "a", owner: "A", delayMs: 0, park: "block" }] }
        : line,
    );
    expect(acceptTrace(blocked).refused).toHaveLength(1);
  });

  test("may show what a database forgot that crashed", () => {
    const removed = [
      asked("writer", 0, { call: "add", orderingKey: undefined, ids: ["a"] }, 5, { said: "committed" }),
      asked("relay-1", 6, claim("A"), 8, got(["a", 0])),
      publish("relay-1", 9, "a"),
      confirmed("relay-1", 10, "a"),
      asked("relay-1", 11, { call: "remove", ids: ["a"] }, 12, yes),
    ].flat();
    const again = asked("relay-2", 300, claim("B"), 301, got(["a", 0]));
    const crash = asked("the database", 20, { call: "crash" }, 30, yes);
    expect(acceptTrace([...removed, ...crash, ...again]).refused).toEqual([]);
    expect(acceptTrace([...removed, ...again]).refused).toMatchObject([{ key: "a" }]);
  });
});

describe("the trace of a transaction, and of a message at its consumer", () => {
  const named = { scope: "billing", key: "m" };
  const begin = (owner: string, request = "r"): TransactionCall => ({ call: "begin", ...named, owner, request });
  const end = (owner: string, result: string): TransactionCall => ({
    call: "end",
    ...named,
    owner,
    keep: "commit",
    result,
  });
  const effect: TransactionCall = { call: "effect", ...named };
  const receive: TransactionCall = { call: "receive", ...named };
  const acknowledge: TransactionCall = { call: "acknowledge", ...named };

  const sound = [
    step("one", 0, receive),
    asked("one", 1, begin("A"), 3, { said: "granted" }),
    asked("one", 3.2, effect, 3.8, yes),
    step("two", 5, receive),
    asked("two", 6, begin("B"), 7, { said: "in-progress" }),
    // It is killed before its commit, and its transaction is rolled back at some time.
    asked("two", 20, begin("C"), 22, { said: "granted" }),
    asked("two", 22.5, effect, 23, yes),
    asked("two", 24, end("C", "x"), 26, { said: "committed" }),
    step("two", 27, acknowledge),
    step("two", 40, receive),
    asked("two", 41, begin("D"), 43, { said: "done", result: "x" }),
    step("two", 44, acknowledge),
  ].flat();

  test("is accepted, and shows a take-over, a repeat and a lost acknowledgement", () => {
    const accepted = acceptTrace(sound);
    expect(accepted.refused).toEqual([]);
    expect(accepted.shown).toEqual({ "take-over": 1, repeat: 1, "lost acknowledgement": 1 });
  });

  const idOf = (owner: string, call: "begin" | "end"): string | undefined =>
    sound.find((line) => isCall(line, call) && "owner" in line && line.owner === owner)?.id;
  const said =
    (owner: string, call: "begin" | "end", answer: TracedAnswer): Tamper =>
    (line) =>
      line.id === idOf(owner, call) && "answeredAt" in line
        ? { id: line.id, answeredAt: line.answeredAt, ...answer }
        : line;

  test.for(
    Object.entries<Tamper>({
      "T1: two work under one key": (line) =>
        line.id === idOf("C", "begin") && "answeredAt" in line
          ? [line, ...asked("three", 23.1, begin("E"), 23.2, { said: "granted" })]
          : line,
      "T2, I2: an effect is in no transaction": (line) =>
        isCall(line, "effect") && "process" in line && line.process === "two" ? { ...line, process: "three" } : line,
      "T3: what was rolled back is answered": said("C", "end", { said: "rolled back" }),
      "T5: one request is taken for another": said("D", "begin", { said: "mismatch" }),
      "T7: a repeat gets another answer": said("D", "begin", { said: "done", result: "y" }),
      "I1: a message that is done is handled again": said("D", "begin", { said: "granted" }),
      "I3: it is acknowledged before its commit": (line) =>
        isCall(line, "acknowledge") && "executedAt" in line && line.executedAt === 27
          ? { ...line, executedAt: 23.5 }
          : line,
      "a transaction answers as a lease does": said("B", "begin", { said: "abandoned" }),
    }),
  )("that was tampered with is refused: %s", ([, tamper]) => {
    expect(acceptTrace(tampered(sound, tamper)).refused).toMatchObject([named]);
  });

  test("may have a commit without a confirmation, and none before it was asked for", () => {
    const unheard = [
      asked("one", 1, begin("A"), 3, { said: "granted" }),
      asked("one", 5, end("A", "x")),
      asked("two", 20, begin("B"), 22, { said: "done", result: "x" }),
    ].flat();
    expect(acceptTrace(unheard).refused).toEqual([]);
    expect(acceptTrace(unheard).shown["lost acknowledgement"]).toBe(1);
    const early = tampered(unheard, (line) =>
      isCall(line, "begin") && "process" in line && line.process === "two" && "at" in line
        ? { ...line, at: 3.5 }
        : line,
    ).map((line) => ("answeredAt" in line && line.answeredAt === 22 ? { ...line, answeredAt: 4 } : line));
    expect(acceptTrace(early).refused).toHaveLength(1);
  });

  test("may have an effect of which its process learns when the transaction is lost, and none asked for after that", () => {
    const stoodStill = (asksAt: number): TraceLine[] =>
      [
        asked("one", 1, begin("A"), 3, { said: "granted" }),
        asked("one", asksAt, effect, 30, yes),
        asked("one", 31, end("A", "x"), 32, { said: "rolled back" }),
        asked("two", 5, begin("B"), 7, { said: "granted" }),
        asked("two", 8, effect, 9, yes),
        asked("two", 10, end("B", "y"), 12, { said: "committed" }),
      ].flat();
    expect(acceptTrace(stoodStill(4)).refused).toEqual([]);
    expect(acceptTrace(stoodStill(25)).refused).toMatchObject([named]);
  });

  test("may have two at work where the database looks at the commit, of which one commits", () => {
    const begins = (["A", "B"] as const).flatMap((owner, at) =>
      asked(owner, 1 + at, { ...begin(owner), isOptimistic: true }, 3 + at, { said: "granted" }),
    );
    const one = asked("A", 5, end("A", "x"), 6, { said: "committed" });
    expect(acceptTrace([...begins, ...one]).refused).toEqual([]);
    const both = [...begins, ...one, ...asked("B", 7, end("B", "y"), 8, { said: "committed" })];
    expect(acceptTrace(both).refused).toMatchObject([named]);
  });
});
