import { join } from "node:path";
import { findBinary } from "../../support/servers/binary.ts";
import { cutProxy } from "../../support/servers/cut-proxy.ts";
import type { PrivateServer } from "../../support/servers/private-server.ts";
import { mountSmallDisk, type SmallDisk } from "../../support/servers/small-disk.ts";
import type { CrashEngine } from "./engine.ts";
import type { Mode } from "./evidence.ts";
import type { Targets } from "./targets.ts";

/** Where keys are in a run, with what its faults of operators need. */
export interface DatabasePlace extends Pick<
  Targets,
  "database" | "keysUrl" | "disk" | "pooler" | "throttle" | "promote"
> {
  /** Where keys are for API processes: through the wire, where there is one. */
  readonly url: string;
  readonly hasStandby: boolean;
  /** The faults of operators that this machine can have, and what is said about the others. */
  readonly operations: readonly string[];
  readonly skipped: readonly string[];
}

/** Room for a pair of the largest, mebibytes. */
const diskMebibytes = 768;

/** Starts the database of a run. `stack` ends it again. */
export async function startDatabasePlace(
  { engine, mode, operations = [] }: { engine: CrashEngine; mode: Mode; operations?: readonly string[] | undefined },
  folder: string,
  stack: AsyncDisposableStack,
): Promise<DatabasePlace> {
  const skipped: string[] = [];
  const isAsked = (name: string): boolean => operations.includes(name);
  const disk = isAsked("full-disk") ? smallDisk(stack, skipped) : undefined;
  const { server, promote } = await startServerOf(engine, {
    within: disk?.path,
    hasStandby: isAsked("promoted-standby"),
  });
  if (server !== undefined) stack.use(server);
  const pooler = isAsked("restarted-pooler") && server ? await startPooler(engine, server, stack, skipped) : undefined;
  const throttle =
    isAsked("throttled-requests") && server ? stack.use(await engine.server!.throttled!(server.url)) : undefined;
  const wire = server && stack.use(await cutProxy((throttle ?? pooler ?? server).port));
  const keysUrl = server?.url ?? join(disk?.path ?? folder, "keys.db");
  return {
    url: wire === undefined ? keysUrl : keysUrl.replace(/:\d+(?=\/|$)/, `:${wire.port}`),
    keysUrl,
    database: server && wire && { server, wire, ...questionsOf(engine, mode), exclusively: takingTurns() },
    disk,
    pooler,
    throttle,
    promote,
    hasStandby: promote !== undefined,
    operations: operations.filter((name) => !skipped.some((problem) => problem.startsWith(`${name}:`))),
    skipped,
  };
}

function smallDisk(stack: AsyncDisposableStack, skipped: string[]): SmallDisk | undefined {
  try {
    return stack.use(mountSmallDisk(diskMebibytes));
  } catch {
    skipped.push("full-disk: this machine lets us mount none, which takes root and the capability SYS_ADMIN.");
    return undefined;
  }
}

async function startServerOf(
  { server }: CrashEngine,
  { within, hasStandby }: { within: string | undefined; hasStandby: boolean },
): Promise<{ server?: PrivateServer; promote?: () => Promise<void> }> {
  if (server === undefined) return {};
  if (!hasStandby) return { server: await server.start(within) };
  const pair = await server.startPair!(within);
  return { server: pair, promote: () => pair.promote() };
}

async function startPooler(
  { server }: CrashEngine,
  { port }: PrivateServer,
  stack: AsyncDisposableStack,
  skipped: string[],
): Promise<PrivateServer | undefined> {
  const { binary, start } = server!.pooler!;
  if (findBinary(binary) !== undefined) return stack.use(await start(port));
  skipped.push(`restarted-pooler: there is no ${binary.name} on this machine: ${binary.install}`);
  return undefined;
}

function questionsOf({ server }: CrashEngine, mode: Mode): { claiming: string; completing: string } {
  return { claiming: server?.claiming[mode] ?? "", completing: server?.completing[mode] ?? "" };
}

/** Runs one piece of work after the other, in the order in which they were asked for. */
function takingTurns(): <Value>(work: () => Promise<Value>) => Promise<Value> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work, work);
    last = turn;
    return turn;
  };
}
