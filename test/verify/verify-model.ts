import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { verify, type VerifyOptions, type VerifyReport } from "../../packages/tools/src/verify/index.ts";
import type { Fault, HttpProfile } from "../../conformance/faults/faults.ts";
import type { McpModel } from "../../conformance/faults/right-mcp-server.ts";
import type { ModelServer } from "../../conformance/faults/right-server.ts";

/** Serves a model while something runs against its origin; `/effects` has the number of its orders. */
export async function serveModel<Value>(
  model: ModelServer | McpModel,
  run: (origin: string) => Promise<Value>,
): Promise<Value> {
  const server = createServer((request, response) => void model.listen(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

interface CaseStep {
  readonly send?: readonly string[];
  readonly how?: string;
  readonly times?: number;
  readonly of?: readonly CaseStep[];
  readonly steps?: readonly CaseStep[];
}

const { cases } = JSON.parse(readFileSync("conformance/cases.json", "utf8")) as {
  readonly cases: readonly { readonly id: string; readonly steps: readonly CaseStep[] }[];
};

const races: ReadonlySet<string | undefined> = new Set(["together", "staggered", "pipelined"]);

/** How many requests the largest race of a case has; 1 without one. */
const racersIn = (steps: readonly CaseStep[]): number =>
  Math.max(
    1,
    ...steps.map(({ send = [], how, times = 1, of = [], steps: inner = [] }) =>
      Math.max(races.has(how) ? send.length * times : 1, racersIn(of), racersIn(inner)),
    ),
  );

const racers: ReadonlyMap<string, number> = new Map(cases.map(({ id, steps }) => [id, racersIn(steps)]));

/** Opens a server with a fault. An order of it meets all requests of the race that the fault breaks. */
export const openFault = ({ breaks, open }: Fault<HttpProfile, ModelServer>): ModelServer =>
  Object.assign(open(), { racers: racers.get(breaks) ?? 1 });

/** How a server with a fault is judged, so that its case finds it. One rule is that of practice alone, and no more than a SHOULD. */
export const judgementAtFault = (id: string) =>
  id === "K02" ? ({ strictness: "practice", kind: "warn" } as const) : ({ strictness: "draft", kind: "fail" } as const);

/** Serves models while something runs against their origins. */
export const serveModels = <Value>(
  [model, ...others]: readonly (ModelServer | McpModel)[],
  run: (origins: readonly string[]) => Promise<Value>,
): Promise<Value> =>
  model === undefined
    ? run([])
    : serveModel(model, (origin) => serveModels(others, (origins) => run([origin, ...origins])));

/** Verifies a model server over a real connection. */
export const verifyModel = (
  model: ModelServer,
  options: Omit<VerifyOptions, "url" | "otherUrl">,
): Promise<VerifyReport> =>
  serveModel(model, (origin) =>
    verify({
      url: `${origin}/orders`,
      otherUrl: `${origin}/carts`,
      body: '{"item":"tea","reference":"{{unique}}"}',
      failingBody: '{"fail":true}',
      headers: [["Authorization", "acme"]],
      otherHeaders: [["Authorization", "other"]],
      renewedHeaders: [["Authorization", "acme renewed"]],
      longerHeaders: [["Authorization", "acme1"]],
      effects: () => Promise.resolve(model.orders),
      timeoutMs: 1000,
      pauseMs: 60,
      memory: 110,
      // The process is gone, and another one reads its disk.
      restart: async () => model.load(structuredClone(await model.stored())),
      ...options,
    }),
  );

/** The cases of a report with what was seen in each. */
export const summarize = ({ cases }: Pick<VerifyReport, "cases">) =>
  cases.map(({ id, kind, observed }) => ({ id, kind, observed }));
