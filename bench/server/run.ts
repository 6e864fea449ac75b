import { join } from "node:path";
import { type Figures, measureInterleaved, type Measured, type Subject } from "../measure.ts";
import { type Framework, type Row, rowsOf, type StoreName } from "./catalog.ts";
import { type Child, startChild } from "../child.ts";
import type { LoadAnswer, LoadOrder } from "./load-child.ts";
import type { ServerState } from "./server-child.ts";
import { startStore } from "./stores.ts";

/** What is measured of a server: with new keys (`first`) and with repeated ones (`replay`). */
export type FigureName = "firstPerSecond" | "firstCpuMicroseconds" | "replayPerSecond" | "replayCpuMicroseconds";

export interface ServerMeasured extends Measured<FigureName> {
  readonly framework: Framework;
  readonly store: StoreName;
}

export interface RunOptions {
  readonly rounds: number;
  /** How long each measurement sends requests, milliseconds. */
  readonly milliseconds: number;
  readonly connections: number;
  /** A folder for a processor profile of each server. */
  readonly profiles?: string | undefined;
  readonly say: (text: string) => void;
}

/** How often each server is measured for nothing before the first round: until then its code is not compiled. */
const warmUps = 8;

/** Measures the rows of one store under one framework, each on a server of its own, all on one store. */
export async function measureServers(
  framework: Framework,
  store: StoreName,
  options: RunOptions,
  wanted: (row: Row) => boolean = () => true,
): Promise<ServerMeasured[]> {
  await using stack = new AsyncDisposableStack();
  const ground = stack.use(await startStore(store));
  const load = stack.use(startChild(new URL("./load-child.ts", import.meta.url), []));
  const subjects: Subject<FigureName>[] = [];
  for (const { name, baseline } of rowsOf(store, framework).filter(wanted)) {
    const server = stack.use(
      startChild(
        new URL("./server-child.ts", import.meta.url),
        [framework, store, name, ground.url],
        profiling(options, name),
      ),
    );
    const measure = (milliseconds: number) =>
      measureServer({ server, load, isBaseline: name === baseline }, options, milliseconds);
    options.say(`${framework}, ${store}: ${name} warms up`);
    for (let warm = 0; warm < warmUps; warm += 1) await measure(options.milliseconds);
    subjects.push({ name, baseline, measure: () => measure(options.milliseconds) });
  }
  const say = (text: string): void => options.say(`${framework}, ${store}, ${text}`);
  const measured = await measureInterleaved(subjects, options.rounds, say);
  return measured.map((row) => ({ framework, store, ...row }));
}

function profiling({ profiles }: RunOptions, name: string): string[] {
  if (profiles === undefined) return [];
  return ["--cpu-prof", `--cpu-prof-dir=${join(profiles, name.replaceAll(/\W+/g, "-"))}`];
}

async function measureServer(
  { server, load, isBaseline }: { server: Child; load: Child; isBaseline: boolean },
  { connections }: RunOptions,
  milliseconds: number,
): Promise<Figures<FigureName>> {
  const { port } = await server.ask<ServerState>("state");
  const say = (order: LoadOrder): Promise<LoadAnswer> => load.ask<LoadAnswer>(order);

  const sent = async (keys: "new" | "primed"): Promise<{ perSecond: number; cpuMicroseconds: number }> => {
    const before = await server.ask<ServerState>("state");
    const { perSecond, answers } = await say({ do: "send", keys, milliseconds });
    const after = await server.ask<ServerState>("state");
    // A guard that ran the work for a repeat, or not for a new key, would be quick at the wrong thing.
    const runs = after.runs - before.runs;
    const expected = keys === "new" || isBaseline ? answers : 0;
    if (runs !== expected) throw new Error(`${runs} runs of the handler for ${answers} requests with ${keys} keys.`);
    return { perSecond, cpuMicroseconds: (after.cpuMicroseconds - before.cpuMicroseconds) / answers };
  };

  await say({ do: "prime", port, connections });
  const first = await sent("new");
  const replay = await sent("primed");
  await say({ do: "disconnect" });
  return {
    firstPerSecond: first.perSecond,
    firstCpuMicroseconds: first.cpuMicroseconds,
    replayPerSecond: replay.perSecond,
    replayCpuMicroseconds: replay.cpuMicroseconds,
  };
}
