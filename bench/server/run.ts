import { join } from "node:path";
import { measureInterleaved, type Measured, type Subject } from "../measure.ts";
import { type Framework, type Row, rowsOf, setupNameOf, type StoreName } from "./catalog.ts";
import { startChild } from "../child.ts";
import { startStore } from "./stores.ts";
import { type FigureName, measureServer } from "./subject.ts";

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

/** Measures the rows of one store under one framework, each on separate servers, all on one store. */
export async function measureServers(
  framework: Framework,
  store: StoreName,
  options: RunOptions,
  wanted: (row: Row) => boolean = () => true,
): Promise<ServerMeasured[]> {
  const { connections, milliseconds } = options;
  await using stack = new AsyncDisposableStack();
  const ground = stack.use(await startStore(store));
  const load = stack.use(startChild(new URL("./load-child.ts", import.meta.url), []));
  const subjects: Subject<FigureName>[] = [];
  for (const { name, baseline } of rowsOf(store, framework).filter(wanted)) {
    const args = [framework, store, name, ground.url];
    const start = () => startChild(new URL("./server-child.ts", import.meta.url), args, profiling(options, name));
    const subject = { start, load, ground, isUnguarded: setupNameOf(name) === baseline };
    subjects.push({ name, baseline, measure: () => measureServer(subject, connections, milliseconds) });
  }
  const say = (text: string): void => options.say(`${framework}, ${store}, ${text}`);
  const measured = await measureInterleaved(subjects, options.rounds, say);
  return measured.map((row) => ({ framework, store, ...row }));
}

function profiling({ profiles }: RunOptions, name: string): string[] {
  if (profiles === undefined) return [];
  return ["--cpu-prof", `--cpu-prof-dir=${join(profiles, name.replaceAll(/\W+/g, "-"))}`];
}
