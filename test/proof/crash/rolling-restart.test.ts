import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { retryingFetch } from "../../../packages/once-again/src/client/index.ts";
import { cutProxy } from "../../support/servers/cut-proxy.ts";
import { describeWithServer } from "../../support/servers/describe-with-server.ts";
import { postgresBinary } from "../../support/servers/postgres.ts";
import { serverPort } from "../../support/servers/server-port.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import type { ApiTask } from "./api-child.ts";
import { startDatabasePlace } from "./database-place.ts";
import { engineOf } from "./engine-of.ts";
import { type ApiEntry, type Effect, readLines } from "./evidence.ts";
import { frameworkNames, routePath } from "./frameworks.ts";
import { killableProcess } from "./killable-process.ts";
import { headers, storedStatuses } from "./orders.ts";

const processes = 3;
const callers = 8;
const rounds = 3;

/** Longer than any shutdown takes on a busy machine, milliseconds. */
const shutdownMsMax = 300_000;

/** Replaces three processes one after the other, again and again, while callers order; they are in the balancer unless they are dead. */
async function rolled(engineName: string) {
  await using stack = new AsyncDisposableStack();
  const folder = temporaryFolder();
  const engine = await engineOf(engineName);
  const { url, keysUrl } = await startDatabasePlace({ engine, mode: "hold" }, folder, stack);
  await stack.adopt(await engine.open(keysUrl), ({ close }) => close()).prepare();
  const [ledger, diary] = [join(folder, "ledger"), join(folder, "diary")];
  let lives = 0;
  const apis = await Promise.all(
    Array.from({ length: processes }, async (_, index) => {
      const port = await serverPort();
      const task = { engine: engineName, mode: "hold", url, port, diary, ledger, leaseMs: 10_000 } as const;
      const process = killableProcess(`api-${index + 1}`, "api-child.ts", (life): ApiTask => {
        const framework = frameworkNames[lives++ % frameworkNames.length]!;
        return { ...task, life, framework, hasStandby: false, ignoresKeys: false };
      });
      return { port, process: stack.use(process) };
    }),
  );
  await Promise.all(apis.map(({ process }) => process.start()));
  const balanced = new Set(apis);
  let turn = 0;
  const balancer = stack.use(await cutProxy(() => [...balanced][(turn += 1) % balanced.size]!.port));

  const fetch = retryingFetch({ keys: true });
  const stopping = new AbortController();
  const ends: (number | Error)[] = [];
  let calls = 0;
  const call = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // None that the API declines: after an attempt in doubt, a refusal alone does not say how the order ended.
      const order = `acme/order-${9 * (calls += 1) + 1}`;
      const init = {
        method: "POST",
        body: JSON.stringify({ order }),
        headers: { [headers.account]: "acme", [headers.order]: order },
      };
      ends.push(
        await fetch(`http://127.0.0.1:${balancer.port}${routePath}`, init).then(
          (response) => response.status,
          (error: Error) => error,
        ),
      );
    }
  };
  const calling = Array.from({ length: callers }, call);
  for (let round = 0; round < rounds; round += 1) {
    for (const api of apis) {
      await api.process.stop(shutdownMsMax);
      expect(api.process.life).toBeUndefined();
      balanced.delete(api);
      await api.process.start();
      balanced.add(api);
    }
  }
  stopping.abort();
  await Promise.all(calling);
  const effects = readLines<Effect>(ledger).map(({ order }) => order);
  const attempts = readLines<ApiEntry>(diary).filter(({ event }) => event === "received").length;
  return { calls, ends, effects, attempts, failures: apis.flatMap(({ process }) => process.failures) };
}

/** One roll may find no caller in doubt. */
const runsMax = 10;

async function expectNoErrors(engine: string): Promise<void> {
  for (let runs = 1; ; runs += 1) {
    const { calls, ends, effects, attempts, failures } = await rolled(engine);
    expect(failures).toEqual([]);
    expect(ends.filter((end) => end instanceof Error || !storedStatuses.has(end))).toEqual([]);
    expect(new Set(effects).size).toBe(effects.length);
    expect(effects).toHaveLength(ends.filter((end) => end === 201).length);
    if (attempts > calls) return;
    if (runs === runsMax) expect(attempts).toBeGreaterThan(calls);
  }
}

describe("processes that are replaced one after the other", { timeout: 600_000 }, () => {
  test("over SQLite: no error reaches a caller that retries, and none of its effects comes twice", () =>
    expectNoErrors("sqlite"));

  describeWithServer("over PostgreSQL", postgresBinary, () => {
    test("no error reaches a caller that retries, and none of its effects comes twice", () =>
      expectNoErrors("postgres"));
  });
});
