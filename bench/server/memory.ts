import { setTimeout } from "node:timers/promises";
import { startChild } from "../child.ts";
import { type Framework, rowsOf, type StoreName } from "./catalog.ts";
import type { LoadAnswer, LoadOrder } from "./load-child.ts";
import type { ServerHeap, ServerState } from "./server-child.ts";
import { startStore } from "./stores.ts";

/** The memory that one of our servers holds, after full collections. */
export interface MemoryMeasured {
  readonly framework: Framework;
  readonly store: StoreName;
  readonly name: string;
  readonly requests: number;
  /** After each fifth of the requests; the first fifth is there to compile the server. */
  readonly heapBytes: readonly number[];
  /** From the first of them to the last, for each request. */
  readonly bytesPerRequest: number;
}

export interface MemoryOptions {
  readonly requests: number;
  readonly connections: number;
  readonly say: (text: string) => void;
}

/** Short, and waited for: what a store in the server's own memory keeps on purpose is not what is looked for. */
const retentionMs = 3000;
const parts = 5;

/** Sends very many requests with new keys to each of our servers of one framework and store, and looks at their heaps. */
export async function measureMemory(
  framework: Framework,
  store: StoreName,
  only: string,
  options: MemoryOptions,
): Promise<MemoryMeasured[]> {
  const measured: MemoryMeasured[] = [];
  for (const { name } of rowsOf(store, framework)) {
    if (!name.startsWith("once-again") || !name.includes(only)) continue;
    const heapBytes = await heapsOf(framework, store, name, options);
    const growth = (heapBytes.at(-1) ?? 0) - (heapBytes[0] ?? 0);
    const bytesPerRequest = growth / (options.requests * (1 - 1 / parts));
    measured.push({ framework, store, name, requests: options.requests, heapBytes, bytesPerRequest });
  }
  return measured;
}

async function heapsOf(
  framework: Framework,
  store: StoreName,
  name: string,
  { connections, requests, say }: MemoryOptions,
): Promise<number[]> {
  await using stack = new AsyncDisposableStack();
  const ground = stack.use(await startStore(store));
  const load = stack.use(startChild(new URL("./load-child.ts", import.meta.url), []));
  const args = [framework, store, name, ground.url, String(retentionMs)];
  const server = stack.use(startChild(new URL("./server-child.ts", import.meta.url), args, ["--expose-gc"]));
  const order = (one: LoadOrder): Promise<LoadAnswer> => load.ask<LoadAnswer>(one);
  const heapBytes: number[] = [];
  for (let part = 1; part <= parts; part += 1) {
    say(`${framework}, ${store}, ${name}: ${part * Math.ceil(requests / parts)} of ${requests} requests`);
    const { port } = await server.ask<ServerState>("state");
    await order({ do: "prime", port, connections });
    await order({ do: "count", requests: Math.ceil(requests / parts) });
    await order({ do: "disconnect" });
    await setTimeout(1.5 * retentionMs);
    heapBytes.push((await server.ask<ServerHeap>("heap")).heapBytes);
  }
  return heapBytes;
}
