import { retryingFetch } from "../../../../packages/once-again/src/client/index.ts";
import { sleep } from "../../../../packages/once-again/src/core/clock.ts";
import { OnceAgainError } from "../../../../packages/once-again/src/core/errors.ts";
import { uniform } from "../../../../packages/once-again/src/core/random.ts";
import type { HttpResponse } from "../../../../packages/once-again/src/http/index.ts";
import { keyTime } from "../../../../packages/once-again/src/key/key.ts";
import { planOf } from "../plan.ts";
import { deterministicPlatform } from "../platform.ts";
import { type Scene, sceneOf } from "../scene.ts";
import type { OrderRequest } from "../server.ts";
import { epochMs, simulatedProcess } from "../simulated-process.ts";
import { type Region, regionOf, serveFrom } from "./region.ts";

/** The policies for the keys of a region that is cut off. */
export const policies = [
  /** A key lives wherever its request arrives. */
  "each region for itself",
  /** A key has a home region, and waits for it. */
  "home region, wait",
  /** The copy of the home region takes over, and runs every key that it does not know. */
  "home region, fail over",
  /** It refuses unknown keys that were made before it took over. */
  "home region, fail over, refuse old keys",
] as const;
export type Policy = (typeof policies)[number];

/** The fates of the orders of one seed under one policy. */
export interface RegionsResult {
  orders: number;
  /** Orders that had more than one effect. */
  doubled: number;
  /** Those of them that the home region knew, and its copy did not. */
  forgotten: number;
  /** Calls that ended with the answer of their order. */
  answered: number;
  /** Orders with the last answer that the outcome is unknown, or that the key is not known. */
  inDoubt: number;
}

const names = ["east", "west", "south"];
const orders = 60;
const cutAtMs = 5000;
const promotedAtMs = 6000;
const healedAtMs = 20_000;
const endMs = 120_000;

/** Plays one seed: callers move between three regions, of which one is cut off for a while. */
export async function playRegions(seed: number, policy: Policy): Promise<RegionsResult> {
  const scene = sceneOf(seed, planOf);
  const restorePlatform = deterministicPlatform(scene.random);
  try {
    return await play(scene, policy);
  } finally {
    restorePlatform();
  }
}

async function play(scene: Scene, policy: Policy): Promise<RegionsResult> {
  const { random, time } = scene;
  // Nothing is delayed by chance: what goes wrong here is the region.
  scene.isFaulty = false;
  const lagMs = uniform(random, 10, 300);
  const regions = names.map((name) => regionOf(scene, name, lagMs));
  const effects = new Map<string, number>();
  const handler =
    ({ process }: Region) =>
    async (key: string): Promise<HttpResponse> => {
      await sleep(process.clock, uniform(random, 1, 300));
      effects.set(key, (effects.get(key) ?? 0) + 1);
      return { status: 201, headers: [], body: new TextEncoder().encode(key) };
    };
  const serving = regions.map((region) => serveFrom(scene, region.process, region.store, handler(region)));
  // The next region has the copy of each.
  const standing = regions.map((region, index) => {
    const next = regions[(index + 1) % regions.length]!;
    return serveFrom(scene, next.process, region.copy, handler(next));
  });
  const forgotten = new Set<string>();

  const serve = async (arrivedIn: number, request: OrderRequest): Promise<HttpResponse> => {
    const home = policy === "each region for itself" ? arrivedIn : homeOf(request.key);
    const region = regions[home]!;
    const isReached = arrivedIn === home || !region.isCut;
    const hasFailedOver = time.now >= promotedAtMs && home === 0 && policy.startsWith("home region, fail over");
    if (hasFailedOver) {
      const name = { scope: "public", key: request.key };
      const isUnknown = (await region.copy.inspect(name)) === undefined;
      const isOld = (keyTime(request.key) ?? 0) < epochMs + promotedAtMs;
      if (isUnknown && (await region.store.inspect(name)) !== undefined) forgotten.add(request.key);
      if (isUnknown && isOld && policy.endsWith("refuse old keys")) return problem(412);
      return standing[home]!(request);
    }
    if (!isReached) return problem(503);
    return serving[home]!(request);
  };

  const outcomes = Array.from({ length: orders }, (_, number) => order(scene, regions, number, serve));
  time.after(cutAtMs, () => (regions[0]!.isCut = true));
  time.after(healedAtMs, () => (regions[0]!.isCut = false));
  await time.run(endMs);
  const ended = await Promise.all(outcomes);
  const doubled = [...effects].filter(([, count]) => count > 1).map(([key]) => key);
  return {
    orders,
    doubled: doubled.length,
    forgotten: doubled.filter((key) => forgotten.has(key)).length,
    answered: ended.filter((end) => end === "answered").length,
    inDoubt: ended.filter((end) => end === "in doubt").length,
  };
}

/** The same everywhere, and for good: the end of the key says it. */
function homeOf(key: string): number {
  return Number.parseInt(key.slice(-2), 16) % names.length;
}

/** One caller with the real client, which asks again until it has an answer for good or half a minute is over. */
async function order(
  scene: Scene,
  regions: readonly Region[],
  number: number,
  serve: (arrivedIn: number, request: OrderRequest) => Promise<HttpResponse>,
): Promise<"answered" | "in doubt"> {
  const { random, time } = scene;
  const caller = simulatedProcess(`caller ${number}`, time, 0);
  // Most of them around the time of the cut.
  await sleep(caller.clock, cutAtMs + uniform(random, -700, 1500));
  let key: string | undefined;
  const fetch = retryingFetch({
    keys: ["http://orders.example"],
    clock: caller.clock,
    random,
    attemptTimeoutMs: 1000,
    timeoutMs: 8000,
    onEvent: (event) => (key = event.key ?? key),
    fetch: fetchAnywhere(scene, regions, serve),
  });
  for (let call = 1; call <= 4; call += 1) {
    try {
      const headers = key === undefined ? {} : { "idempotency-key": key };
      const { status } = await fetch("http://orders.example/orders", { method: "POST", body: `o${number}`, headers });
      if (status === 201) return "answered";
      if (status === 412) return "in doubt";
    } catch (error) {
      if (!OnceAgainError.isInstance(error)) throw error;
    }
    await sleep(caller.clock, uniform(random, 0, 1000));
  }
  return "in doubt";
}

/** A network that brings a request to any region that the caller reaches, as anycast does. */
function fetchAnywhere(
  { delay, random, time }: Scene,
  regions: readonly Region[],
  serve: (arrivedIn: number, request: OrderRequest) => Promise<HttpResponse>,
): typeof fetch {
  return (_url, init) =>
    new Promise((resolve) => {
      const headers = new Headers(init?.headers);
      const sent = init?.body as string | ArrayBuffer;
      const body = typeof sent === "string" ? new TextEncoder().encode(sent) : new Uint8Array(sent);
      const reached = regions.flatMap(({ isCut }, index) => (isCut ? [] : [index]));
      const arrivedIn = reached[Math.floor(random() * reached.length)]!;
      const request = { scope: "public", key: headers.get("idempotency-key") ?? "", body };
      time.after(delay(), () => {
        void serve(arrivedIn, request).then(({ status, headers: named, body: text }) => {
          // An answer out of a region that has been cut off meanwhile never arrives.
          if (regions[arrivedIn]!.isCut) return;
          const pairs = named.map(([name, value]): [string, string] => [name, value]);
          time.after(delay(), () => resolve(new Response(Uint8Array.from(text), { status, headers: pairs })));
        });
      });
    });
}

function problem(status: number): HttpResponse {
  return { status, headers: [["content-type", "text/plain"]], body: new Uint8Array() };
}
