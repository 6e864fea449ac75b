import { onceHttp } from "../../../../packages/once-again/src/http/handle-request.ts";
import type { HttpRequest, HttpResponse } from "../../../../packages/once-again/src/http/index.ts";
import { memoryStore } from "../../../../packages/once-again/src/stores/memory/index.ts";
import type { Store } from "../../../../packages/once-again/src/stores/store.ts";
import { remoteCall, type Scene } from "../scene.ts";
import type { OrderRequest } from "../server.ts";
import { epochMs, type SimulatedProcess, simulatedProcess } from "../simulated-process.ts";

/** A region: a server with the real rules and engine, a store, and a copy of it elsewhere that is a while behind. */
export interface Region {
  readonly process: SimulatedProcess;
  /** The store of the region, and the part of it that has reached its copy. */
  readonly store: Store;
  readonly copy: Store;
  /** Cut off from every other region, and from the callers. */
  isCut: boolean;
}

type Write = "claim" | "complete" | "renew" | "release" | "checkpoint";
const writes: readonly Write[] = ["claim", "complete", "renew", "release", "checkpoint"];

/** Makes a region. @param lagMs how long a write takes to the copy; none arrives while the region is cut off. */
export function regionOf(scene: Scene, name: string, lagMs: number): Region {
  const { time } = scene;
  const clock = { now: () => epochMs + Math.floor(time.now), monotonic: () => time.now, timer: time.after };
  const [own, copy] = [memoryStore({ clock }), memoryStore({ clock })];
  const copied = (write: Write) => async (request: never) => {
    time.after(lagMs, () => {
      if (!region.isCut) void (copy[write] as (request: never) => unknown)(request);
    });
    return (own[write] as (request: never) => unknown)(request);
  };
  const store = { ...own, ...Object.fromEntries(writes.map((write) => [write, copied(write)])) } as Store;
  const region: Region = { process: simulatedProcess(name, time, 0), store, copy, isCut: false };
  return region;
}

/** The real HTTP rules in front of a handler, in a process of a region, on a store that is some milliseconds away. */
export function serveFrom(
  scene: Scene,
  process: SimulatedProcess,
  store: Store,
  handler: (key: string) => Promise<HttpResponse>,
): (request: OrderRequest) => Promise<HttpResponse> {
  const near = (write: Write | "inspect") => (request: never) =>
    remoteCall(scene, process, "answered", () => (store[write] as (request: never) => never)(request));
  const remote = { ...store, ...Object.fromEntries([...writes, "inspect" as const].map((name) => [name, near(name)])) };
  const once = onceHttp({
    store: remote,
    scope: (request: OrderRequest) => request.scope,
    clock: process.clock,
    random: scene.random,
    steps: { secret: new Uint8Array(16) },
    leaseMs: 1000,
    onError: () => undefined,
  });
  return (request) => {
    const asked: HttpRequest<OrderRequest> = {
      native: request,
      method: "POST",
      path: "/orders",
      query: "",
      contentType: "text/plain",
      headerValues: () => [request.key],
      body: async () => request.body,
    };
    return once.answer(asked, () => handler(request.key));
  };
}
