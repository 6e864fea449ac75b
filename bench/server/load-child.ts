/** The callers, in a separate process. Messages say what they send. */
import { performance } from "node:perf_hooks";
import process from "node:process";
import { makeKey } from "../../packages/once-again/src/key/index.ts";
import { median } from "../measure.ts";
import { type Caller, caller } from "./caller.ts";

/** The next requests. */
export type LoadOrder =
  /** Connects, and sends each of the keys that will be repeated once. `header`: one more line of each request. */
  | { do: "prime"; port: number; connections: number; header?: string }
  /** Sends a new key with each request, or the primed ones again and again. */
  | { do: "send"; keys: "new" | "primed"; milliseconds: number }
  /** The same on one connection, to time each request. */
  | { do: "time"; keys: "new" | "primed"; milliseconds: number }
  /** Sends so many requests, each with a new key. */
  | { do: "count"; requests: number }
  | { do: "disconnect" };

/** The responses. */
export interface LoadAnswer {
  /** Answers for each second, until the last of them came. */
  perSecond: number;
  /** All answers, with those to what was under way when the time was over. */
  answers: number;
  /** Of `time`: the median of how long a request took, milliseconds. */
  p50Ms?: number;
  /** The first error, if any. */
  fault?: string;
}

interface KeyedCaller extends Caller {
  keys: readonly string[];
}

/** How many keys each connection repeats: its own, since a key that is in use is refused. */
const keysEach = 20;

let callers: KeyedCaller[] = [];

async function carryOut(order: LoadOrder): Promise<LoadAnswer> {
  switch (order.do) {
    case "prime":
      return prime(order);
    case "send":
      return send(order.keys, order.milliseconds);
    case "time":
      return time(order.keys, order.milliseconds);
    case "count":
      return count(order.requests);
    case "disconnect":
      for (const { end } of callers) end();
      callers = [];
      return { perSecond: 0, answers: 0 };
  }
}

async function prime({ port, connections, header }: LoadOrder & { do: "prime" }): Promise<LoadAnswer> {
  callers = await Promise.all(
    Array.from({ length: connections }, async () => ({
      ...(await caller(port, header)),
      keys: Array.from({ length: keysEach }, () => makeKey()),
    })),
  );
  await Promise.all(
    callers.map(async ({ keys, post }) => {
      for (const key of keys) await post(key);
    }),
  );
  return { perSecond: 0, answers: connections * keysEach };
}

async function send(kind: "new" | "primed", milliseconds: number): Promise<LoadAnswer> {
  const startedAt = performance.now();
  const endsAt = startedAt + milliseconds;
  let answers = 0;
  await Promise.all(
    callers.map(async ({ keys, post }) => {
      for (let sent = 0; performance.now() < endsAt; sent += 1) {
        await post(kind === "new" ? makeKey() : (keys[sent % keysEach] ?? ""));
        answers += 1;
      }
    }),
  );
  return { perSecond: (answers / (performance.now() - startedAt)) * 1000, answers };
}

async function time(kind: "new" | "primed", milliseconds: number): Promise<LoadAnswer> {
  const [{ keys, post }] = callers as [KeyedCaller];
  const times: number[] = [];
  for (const endsAt = performance.now() + milliseconds; performance.now() < endsAt;) {
    const key = kind === "new" ? makeKey() : keys[times.length % keysEach]!;
    const startedAt = performance.now();
    await post(key);
    times.push(performance.now() - startedAt);
  }
  return { perSecond: (times.length / milliseconds) * 1000, answers: times.length, p50Ms: median(times) };
}

async function count(requests: number): Promise<LoadAnswer> {
  let left = requests;
  await Promise.all(
    callers.map(async ({ post }) => {
      while (left > 0) {
        left -= 1;
        await post(makeKey());
      }
    }),
  );
  return { perSecond: 0, answers: requests };
}

process.on("message", (order: LoadOrder) => {
  carryOut(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ perSecond: 0, answers: 0, fault: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
