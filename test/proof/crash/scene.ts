import { join } from "node:path";
import type { HistoryFile } from "../../../packages/tools/src/judge/index.ts";
import { Pool } from "pg";
import { seededRandom } from "../../../packages/once-again/src/core/random.ts";
import type { IntentStore } from "../../../packages/once-again/src/stores/intent-store.ts";
import { postgresIntents } from "../../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteIntents } from "../../../packages/once-again/src/stores/sqlite/index.ts";
import { cutProxy } from "../../support/servers/cut-proxy.ts";
import { serverPort } from "../../support/servers/server-port.ts";
import { treeAt } from "../../support/tree-at.ts";
import type { ApiTask } from "./api-child.ts";
import type { CallerTask } from "./caller-child.ts";
import { type DatabasePlace, startDatabasePlace } from "./database-place.ts";
import type { CrashEngine, OpenKeys } from "./engine.ts";
import type { Mode } from "./evidence.ts";
import { frameworkNames, routePath } from "./frameworks.ts";
import { killableProcess } from "./killable-process.ts";
import type { Targets } from "./targets.ts";

/** A guard that can be taken out, to see that the run notices. */
export const guards = ["api-keys", "same-key"] as const;
export type Guard = (typeof guards)[number];

/** The options of a run. */
export interface CrashOptions {
  readonly engine: CrashEngine;
  readonly mode: Mode;
  /** How long faults are injected for. */
  readonly seconds: number;
  readonly seed: number;
  /**
   * A guard that is taken out: `api-keys`, the API takes each request for the first of its key; `same-key`, callers make
   * a new key for each attempt.
   */
  readonly without?: Guard | undefined;
  /** Names of faults of operators, beside the others: see `operatorFaults`. */
  readonly operations?: readonly string[] | undefined;
  /** Another version, as a revision of git: the first API process is of its code. */
  readonly beside?: string | undefined;
  /** A file to which a trace of the store's calls is added. The run fails unless the rules explain it. */
  readonly trace?: string | undefined;
  /** Where the history is added to, for `once-again judge`. */
  readonly history?: HistoryFile | undefined;
}

/** Everything that runs, and where it leaves its traces. */
export interface Scene extends Targets, DatabasePlace {
  readonly keys: OpenKeys;
  readonly intents: readonly IntentStore[];
  /** The ports of the API processes. */
  readonly ports: readonly number[];
  readonly files: {
    readonly ledger: string;
    readonly trace: string;
    readonly api: readonly string[];
    readonly callers: readonly string[];
  };
  /** From then on, callers that start only end what they have begun. */
  finish(): void;
}

const callerCount = 4;
/** How many orders a caller has under way. */
const concurrency = 4;
/** Of keys and of intents. Well above what a busy machine lets a process wait. */
const leaseMs = 1000;

/** Starts it all in a folder. `stack` ends it again. */
export async function startScene(options: CrashOptions, folder: string, stack: AsyncDisposableStack): Promise<Scene> {
  const { engine, mode, seed, without, beside } = options;
  const firstProgram =
    beside === undefined
      ? "api-child.ts"
      : join(stack.use(await treeAt(beside)).folder, "test/proof/crash/api-child.ts");
  const place = await startDatabasePlace(options, folder, stack);
  const { url, keysUrl, hasStandby, operations } = place;
  const keys = stack.adopt(await engine.open(keysUrl), ({ close }) => close());
  await keys.prepare();

  const apiCount = operations.includes("rolling-restart") ? 3 : 2;
  const ports = await Promise.all(Array.from({ length: apiCount }, serverPort));
  const random = seededRandom(`${seed} balance`);
  const wire = stack.use(await cutProxy(() => ports[Math.floor(random() * ports.length)]!));
  const file = (name: string) => join(folder, name);
  const files = {
    ledger: file("ledger"),
    trace: file("trace"),
    api: ports.map((_, index) => file(`api ${index}`)),
    callers: Array.from({ length: callerCount }, (_, index) => file(`caller ${index}`)),
  };
  // Each life of an API process serves by another framework, and finds the keys that the others left.
  let apiLives = 0;
  const apis = ports.map((port, index) =>
    killableProcess(`api-${index + 1}`, index === 0 ? firstProgram : "api-child.ts", (life) => {
      const diary = files.api[index]!;
      const ignoresKeys = without === "api-keys";
      const framework = frameworkNames[apiLives++ % frameworkNames.length]!;
      return {
        engine: engine.name,
        framework,
        mode,
        url,
        port,
        diary,
        ledger: files.ledger,
        life,
        leaseMs,
        hasStandby,
        ignoresKeys,
        ...(options.trace !== undefined && { trace: files.trace }),
      } satisfies ApiTask;
    }),
  );
  // Two callers share each place, so that one takes over what the other leaves.
  const places = [file("intents.db"), engine.name === "postgres" ? keysUrl : file("other-intents.db")];
  const intents = await Promise.all(places.map((place) => openedIntents(place, stack)));
  let finishes = false;
  const callers = files.callers.map((diary, index) =>
    killableProcess(`caller-${index + 1}`, "caller-child.ts", (life) => {
      const account = `account-${index + 1}`;
      const place = places[index % places.length]!;
      const newKeys = without === "same-key";
      const to = `http://127.0.0.1:${wire.port}${routePath}`;
      return {
        intents: place,
        url: to,
        account,
        diary,
        life,
        leaseMs,
        concurrency,
        finishes,
        newKeys,
      } satisfies CallerTask;
    }),
  );
  const processes = [...apis, ...callers];
  for (const one of processes) stack.use(one);
  await Promise.all(processes.map((one) => one.start()));
  const finish = (): void => void (finishes = true);
  return { ...place, apis, callers, wire, leaseMs, keys, intents, ports, files, finish };
}

async function openedIntents(place: string, stack: AsyncDisposableStack): Promise<IntentStore> {
  if (!place.startsWith("postgres:")) return stack.adopt(sqliteIntents({ path: place }), (store) => store.close());
  const pool = stack.adopt(new Pool({ connectionString: place, max: 2 }), (pool) => pool.end());
  pool.on("error", () => undefined);
  const store = postgresIntents(pool);
  await store.migrate();
  return store;
}
