/** The callers, in a process of their own, told by messages what to send. */
import { performance } from "node:perf_hooks";
import process from "node:process";
import { makeKey } from "../../packages/once-again/src/key/index.ts";
import { type Caller, caller } from "./caller.ts";

/** What is sent next. */
export type LoadOrder =
  /** Connects, and sends each of the keys that will be repeated once. */
  | { do: "prime"; port: number; connections: number }
  /** Sends a new key with each request, or the primed ones again and again. */
  | { do: "send"; keys: "new" | "primed"; milliseconds: number }
  | { do: "disconnect" };

/** What came back. */
export interface LoadAnswer {
  /** Answers within the time, for each second of it. */
  perSecond: number;
  /** All answers, with those to what was under way when the time was over. */
  answers: number;
  /** What was wrong, if anything. */
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
      return prime(order.port, order.connections);
    case "send":
      return send(order.keys, order.milliseconds);
    case "disconnect":
      for (const { end } of callers) end();
      callers = [];
      return { perSecond: 0, answers: 0 };
  }
}

async function prime(port: number, connections: number): Promise<LoadAnswer> {
  callers = await Promise.all(
    Array.from({ length: connections }, async () => ({
      ...(await caller(port)),
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
  const endsAt = performance.now() + milliseconds;
  let inTime = 0;
  let answers = 0;
  await Promise.all(
    callers.map(async ({ keys, post }) => {
      for (let sent = 0; performance.now() < endsAt; sent += 1) {
        await post(kind === "new" ? makeKey() : (keys[sent % keysEach] ?? ""));
        answers += 1;
        if (performance.now() <= endsAt) inTime += 1;
      }
    }),
  );
  return { perSecond: (inTime / milliseconds) * 1000, answers };
}

process.on("message", (order: LoadOrder) => {
  carryOut(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ perSecond: 0, answers: 0, fault: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
