import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { verify, type VerifyOptions, type VerifyReport } from "../../packages/tools/src/verify/index.ts";
import type { ModelServer } from "../../conformance/faults/right-server.ts";

/** Serves a model while something runs against its origin; `/effects` has the number of its orders. */
export async function serveModel<Value>(model: ModelServer, run: (origin: string) => Promise<Value>): Promise<Value> {
  const server = createServer((request, response) => {
    if (request.url === "/effects") response.end(String(model.orders));
    else void model.listen(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

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
export const summarize = ({ cases }: VerifyReport) => cases.map(({ id, kind, observed }) => ({ id, kind, observed }));
