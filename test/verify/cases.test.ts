import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { conformanceCases, verify, type VerifyReport } from "../../packages/tools/src/verify/index.ts";
import type { Break } from "./breaks.ts";
import { ModelServer } from "./model-server.ts";
import { violations } from "./violations.ts";

/** Verifies a server that is a change to the model, by the draft unless a rule is one of practice. */
async function verified(id: string | undefined, change: Break) {
  const model = new ModelServer();
  Object.assign(model, change(model));
  const server = createServer((request, response) => void model.listen(request, response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await verify({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`,
      body: '{"item":"tea","reference":"{{unique}}"}',
      failingBody: '{"fail":true}',
      headers: [["Authorization", "acme"]],
      otherHeaders: [["Authorization", "other"]],
      effects: () => Promise.resolve(model.orders),
      strictness: id === "K02" ? "practice" : "draft",
      timeoutMs: 1000,
      pauseMs: 60,
      ...(id !== undefined && { only: [id] }),
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const told = ({ cases }: VerifyReport) => cases.map(({ id, kind, observed }) => ({ id, kind, observed }));

test("a server that keeps every rule passes every case", async () => {
  const report = await verified(undefined, () => ({}));
  expect(told(report).filter(({ kind }) => kind !== "pass")).toEqual([]);
  expect(report.cases).toHaveLength(conformanceCases.length);
});

test("each case has a server that breaks its rule", () => {
  expect(Object.keys(violations)).toEqual(conformanceCases.map(({ id }) => id));
});

test.concurrent.for<[id: string, change: Break]>(Object.entries(violations))(
  "%s fails at a server that breaks its rule",
  async ([id, change]) => {
    expect(told(await verified(id, change))).toEqual([{ id, kind: "fail", observed: expect.any(String) }]);
  },
);
