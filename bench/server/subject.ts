import type { Child } from "../child.ts";
import type { Figures } from "../measure.ts";
import type { LoadAnswer, LoadOrder } from "./load-child.ts";
import type { ServerState } from "./server-child.ts";
import { spentSince, threadTimes } from "./store-cpu.ts";
import type { StoreGround } from "./stores.ts";

/**
 * The measurements of a server: with new keys (`first`) and with repeated ones (`replay`). What the store's own server
 * spends is `NaN` where the store is in the process that is measured.
 */
export type FigureName =
  | "firstPerSecond"
  | "firstCpuMicroseconds"
  | "firstStoreMicroseconds"
  | "replayPerSecond"
  | "replayCpuMicroseconds"
  | "replayStoreMicroseconds";

/** A server that is measured, who sends to it, and the store that it asks. */
export interface ServerSubject {
  readonly start: () => Child;
  readonly load: Child;
  readonly ground: StoreGround;
  /** Whether it does the work of each request, also of a repeat. */
  readonly isUnguarded: boolean;
}

/** How often and how long a server is measured for nothing: until then it is not compiled. */
const warmUps = 4;
const warmUpMsMax = 500;

/**
 * Measures a server that is started for it. Two processes of one program differ by up to a half, and do so for as long as
 * they live: in some, most of what a request leaves outlives each small garbage collection. So each round has its own.
 *
 * @throws Error when the work was not done as often as it should.
 */
export async function measureServer(
  subject: ServerSubject,
  connections: number,
  milliseconds: number,
): Promise<Figures<FigureName>> {
  await using server = subject.start();
  const warmUpMs = Math.min(milliseconds, warmUpMsMax);
  for (let warm = 0; warm < warmUps; warm += 1) await measureRunning(server, subject, connections, warmUpMs);
  return await measureRunning(server, subject, connections, milliseconds);
}

/** Sends with new keys and then with repeated ones, so long each. */
async function measureRunning(
  server: Child,
  { load, ground, isUnguarded }: ServerSubject,
  connections: number,
  milliseconds: number,
): Promise<Figures<FigureName>> {
  const { port } = await server.ask<ServerState>("state");
  const say = (order: LoadOrder): Promise<LoadAnswer> => load.ask<LoadAnswer>(order);

  const sent = async (keys: "new" | "primed") => {
    const before = await server.ask<ServerState>("state");
    const store = watchStore(ground);
    const { perSecond, answers } = await say({ do: "send", keys, milliseconds });
    const storeMicroseconds = store();
    const after = await server.ask<ServerState>("state");
    // A guard that ran the work for a repeat, or not for a new key, would be quick at the wrong thing.
    const runs = after.runs - before.runs;
    const expected = keys === "new" || isUnguarded ? answers : 0;
    if (runs !== expected) throw new Error(`${runs} runs of the handler for ${answers} requests with ${keys} keys.`);
    const cpuMicroseconds = after.cpuMicroseconds - before.cpuMicroseconds;
    return {
      perSecond,
      cpuMicroseconds: cpuMicroseconds / answers,
      storeMicroseconds: storeMicroseconds / answers,
    };
  };

  await say({ do: "prime", port, connections });
  const first = await sent("new");
  const replay = await sent("primed");
  await say({ do: "disconnect" });
  return {
    firstPerSecond: first.perSecond,
    firstCpuMicroseconds: first.cpuMicroseconds,
    firstStoreMicroseconds: first.storeMicroseconds,
    replayPerSecond: replay.perSecond,
    replayCpuMicroseconds: replay.cpuMicroseconds,
    replayStoreMicroseconds: replay.storeMicroseconds,
  };
}

/** @returns what the store's server has spent since, microseconds. */
function watchStore({ pid }: StoreGround): () => number {
  if (pid === undefined) return () => Number.NaN;
  const before = threadTimes(pid);
  return () => spentSince(before, threadTimes(pid));
}
