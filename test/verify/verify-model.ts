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

const { cases } = JSON.parse(readFileSync("conformance/cases.json", "utf8")) as {
  readonly cases: readonly { readonly id: string; readonly steps: unknown }[];
};

/** Cases that send requests at once. */
const racingCases: ReadonlySet<string> = new Set(
  cases.filter(({ steps }) => /"(?:together|staggered|pipelined)"/.test(JSON.stringify(steps))).map(({ id }) => id),
);

/** Opens a server with a fault. Where requests have to meet in it, an order takes as long as that may take on a busy machine. */
export const openFault = ({ breaks, open }: Fault<HttpProfile, ModelServer>): ModelServer =>
  racingCases.has(breaks) ? Object.assign(open(), { workMs: 200 }) : open();

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
      effects: () => Promise.resolve(model.orders),
      timeoutMs: 1000,
      pauseMs: 60,
      // The process is gone, and another one reads its disk.
      restart: async () => model.load(structuredClone(await model.stored())),
      ...options,
    }),
  );

/** The cases of a report with what was seen in each. */
export const summarize = ({ cases }: Pick<VerifyReport, "cases">) =>
  cases.map(({ id, kind, observed }) => ({ id, kind, observed }));
