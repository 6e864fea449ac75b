import { type RetryingFetch, retryingFetch } from "../../../../packages/once-again/src/client/index.ts";
import { OnceAgainError } from "../../../../packages/once-again/src/core/errors.ts";
import { uniform } from "../../../../packages/once-again/src/core/random.ts";
import { exponentialBackoff } from "../../../../packages/once-again/src/retry/index.ts";
import type { Breach } from "../check.ts";
import { type Place, simulatedFetch } from "../network.ts";
import { planOf } from "../plan.ts";
import { deterministicPlatform } from "../platform.ts";
import type { SeedResult } from "../run-seed.ts";
import { type Scene, sceneOf } from "../scene.ts";
import { simulatedProcess } from "../simulated-process.ts";
import { type Path, places, readOrder, type Shop, shopOf } from "./shop.ts";

/** One order that is asked for by one call of the real client, with its defaults for keys. */
interface AskedOrder {
  readonly name: string;
  readonly path: Path;
  /** How many requests of it left its caller for the place that has the effect. */
  sent: number;
  /** Whether the network sent a request of it twice, for which no caller is to blame. */
  isRepeated: boolean;
  /** How its call ended; `undefined` while it goes on. */
  end?: number | string;
}

/** Longer than anything takes that ends at all, virtual milliseconds. */
const restMs = 3_600_000;
const origin = "http://orders.example";

/**
 * Plays one seed of callers who name no server: of the places of one origin, one honours keys and says so, one ignores them,
 * and one redirects to that. No call of theirs has a second effect.
 */
export async function runKeysSeed(seed: number): Promise<SeedResult> {
  const scene = sceneOf(seed, planOf);
  const restorePlatform = deterministicPlatform(scene.random);
  try {
    return await play(seed, scene);
  } finally {
    restorePlatform();
  }
}

async function play(seed: number, scene: Scene): Promise<SeedResult> {
  const { diary, plan, random, time } = scene;
  const shop = shopOf(scene);
  const servers = Array.from({ length: plan.servers }, (_, index): Place => {
    const process = simulatedProcess(`server ${index + 1}`, time, 0);
    return { process, serve: shop.serveOn(process), onAnswer: () => undefined };
  });
  for (const { process } of servers) crashNowAndThen(scene, process);
  const orders = Array.from({ length: plan.operations }, (_, index): AskedOrder => {
    const path = places[Math.floor(random() * places.length)]!;
    return { name: `o${index + 1}`, path, sent: 0, isRepeated: false };
  });
  const fetch = callerOf(scene, servers, orders);
  for (const order of orders) time.after(uniform(random, 0, plan.faultyMs), () => void ask(fetch, order));
  await time.run(plan.faultyMs);
  scene.isFaulty = false;
  await time.run(restMs);
  for (const order of orders) noteWindows(scene, order);
  const found = orders.flatMap((order) => breachesOf(shop, order));
  return {
    seed,
    mode: plan.mode,
    breaches: found,
    portCalls: diary.portCalls,
    operations: orders.length,
    effects: [...shop.effects.values()].reduce((sum, count) => sum + count, 0),
    virtualMs: time.now,
    windows: Object.fromEntries(diary.windows),
    faults: Object.fromEntries(diary.faults),
    hash: diary.hash(),
    lines: found.length > 0 ? diary.lines : [],
  };
}

/** All callers of a process share one fetch, and so what it has learned. */
function callerOf(scene: Scene, servers: readonly Place[], orders: readonly AskedOrder[]): RetryingFetch {
  const { random, time } = scene;
  const caller = simulatedProcess("caller", time, 0);
  const orderIn = (init: RequestInit | undefined): AskedOrder => {
    const { name } = readOrder({ body: bytesIn(init) });
    return orders.find((order) => order.name === name)!;
  };
  return retryingFetch({
    clock: caller.clock,
    random,
    attemptTimeoutMs: 1500,
    timeoutMs: 15_000,
    backoff: exponentialBackoff({ baseMs: 100, capMs: 2000 }),
    budget: "off",
    async fetch(input, init) {
      const { url: place } = new Request(input);
      if (place === `${origin}/moved`) {
        return new Response(null, { status: 307, headers: { location: `${origin}/refunds` } });
      }
      const order = orderIn(init);
      order.sent += 1;
      scene.diary.note(`caller: ${order.name} to ${place}`);
      return simulatedFetch(scene, caller, servers, () => (order.isRepeated = true))(input, init);
    },
  });
}

function bytesIn(init: RequestInit | undefined): Uint8Array<ArrayBuffer> {
  const body = init?.body as string | ArrayBuffer;
  return typeof body === "string" ? new TextEncoder().encode(body) : new Uint8Array(body);
}

async function ask(fetch: RetryingFetch, order: AskedOrder): Promise<void> {
  const { name, path } = order;
  try {
    order.end = (await fetch(origin + path, { method: "POST", body: `${path} ${name}` })).status;
  } catch (error) {
    order.end = OnceAgainError.isInstance(error) ? error.code : String(error);
  }
}

function crashNowAndThen(scene: Scene, process: Place["process"]): void {
  const { diary, plan, random, time } = scene;
  time.after(uniform(random, 0, 2 * plan.crashEveryMs), () => {
    if (!scene.isFaulty) return;
    diary.fault("server crashed");
    process.crash();
    time.after(uniform(random, 50, 1000), () => {
      process.start();
      crashNowAndThen(scene, process);
    });
  });
}

function noteWindows({ diary }: Scene, { end, path, sent }: AskedOrder): void {
  if (path === "/orders" && sent > 1 && end === 201) diary.window("lost at a place that has said so, and sent again");
  if (end === "ONCE_OUTCOME_UNKNOWN") {
    if (path === "/refunds") diary.window("lost at a place that ignores keys, and not sent again");
    if (path === "/moved") diary.window("redirected to a place that ignores keys, and lost there");
  } else if (end !== 201) diary.window("caller learnt that nothing happened");
}

function breachesOf({ effects }: Shop, { end, isRepeated, name, path, sent }: AskedOrder): Breach[] {
  const count = effects.get(name) ?? 0;
  const breach = (invariant: Breach["invariant"], what: string): Breach => ({ invariant, what, about: name });
  const found: Breach[] = [];
  if (count > 1 && (path === "/orders" || !isRepeated)) {
    found.push(breach("one-effect", `Order ${name} at ${path} had ${count} effects of ${sent} requests.`));
  }
  if (end === undefined) found.push(breach("every-key-ends", `The call of order ${name} never ended.`));
  if (end === 201 && count === 0) found.push(breach("no-lost-effect", `Order ${name} was answered 201.`));
  const isSureFailure = end !== 201 && end !== "ONCE_OUTCOME_UNKNOWN" && end !== undefined;
  // A replayed 500 is the response of an operation that had its effect.
  if (isSureFailure && end !== 500 && count > 0 && !isRepeated) {
    found.push(breach("no-lost-effect", `Order ${name} was called failed (${end}), and had happened.`));
  }
  return found;
}
