/** `rules-child.ts`: the rules, the engine and a store in memory, without a framework or a connection around them. */
import process from "node:process";
import { onceHttp } from "../../packages/once-again/src/http/index.ts";
import { makeKey } from "../../packages/once-again/src/key/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { answer, contentType, order, path, status } from "../server/exchange.ts";

/** The cost of one request. */
export interface RulesFigures {
  firstNanoseconds: number;
  replayNanoseconds: number;
}

/** `memory` answers at once, `awaited` a turn of the queue later, as stores behind a connection do. */
export type RulesName = "memory" | "awaited";

const together = 50;
const requestsEach = 2000;
const body = new TextEncoder().encode(order);
const response = { status, headers: [["content-type", contentType]] as const, body: new TextEncoder().encode(answer) };

const handler = async (): Promise<typeof response> => {
  await Promise.resolve();
  return response;
};

const openStore: Readonly<Record<RulesName, () => Store>> = {
  memory: () => memoryStore({ recordsMax: 10_000_000 }),
  awaited: () => {
    const store = openStore.memory();
    return {
      ...store,
      claim: async (request) => store.claim(request),
      complete: async (request) => store.complete(request),
    };
  },
};

const requestOf = (key: string) => ({
  native: undefined,
  method: "POST",
  path,
  query: "",
  contentType,
  headerValues: (name: string) => (name === "idempotency-key" ? [key] : []),
  body: () => body,
});

/** Of this process, so that what else the machine does counts little. That of a thread is counted in ticks of up to 4 ms. */
async function nanosecondsOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  for (let sent = 0; sent < requestsEach; sent += together) await Promise.all(Array.from({ length: together }, run));
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / requestsEach;
}

/** The quickest of many short runs: a neighbour makes them slower, and none quicker. */
async function measure(name: RulesName, milliseconds: number): Promise<RulesFigures> {
  const once = onceHttp({ store: openStore[name](), scope: "public" });
  const known = makeKey();
  await once.answer(requestOf(known), handler);
  const figures = { firstNanoseconds: Number.POSITIVE_INFINITY, replayNanoseconds: Number.POSITIVE_INFINITY };
  for (const endsAt = performance.now() + milliseconds; performance.now() < endsAt;) {
    const keys = Array.from({ length: requestsEach }, () => makeKey());
    const first = await nanosecondsOf(() => once.answer(requestOf(keys.pop() ?? ""), handler));
    const replay = await nanosecondsOf(() => once.answer(requestOf(known), handler));
    figures.firstNanoseconds = Math.min(figures.firstNanoseconds, first);
    figures.replayNanoseconds = Math.min(figures.replayNanoseconds, replay);
  }
  await once.close();
  return figures;
}

process.on("message", ({ name, milliseconds }: { name: RulesName; milliseconds: number }) => {
  measure(name, milliseconds).then(
    (figures) => process.send?.(figures),
    (error: unknown) => process.send?.({ fault: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
