import { expect, test } from "vitest";
import { verifyMcp } from "../../packages/tools/src/verify/index.ts";
import { startHttpServer } from "../support/http-server.ts";
import { UcpSeller } from "./adcp-model.ts";

async function verified(seller: UcpSeller) {
  const server = await startHttpServer((request, response) => void seller.listen(request, response));
  const { cases } = await verifyMcp({
    server,
    profile: "ucp",
    tool: "create_media_buy",
    arguments: '{"budget":5,"name":"{{unique}}"}',
    countTool: "count_media_buys",
    headers: [["authorization", "Bearer alice"]],
    otherHeaders: [["authorization", "Bearer bob"]],
    pauseMs: 50,
  });
  return cases;
}

test("a seller that reads meta.idempotency-key passes every case of ucp", async () => {
  const cases = await verified(new UcpSeller());
  expect(cases.length).toBeGreaterThan(12);
  expect(cases.filter(({ kind }) => kind !== "pass")).toEqual([]);
});

test("a seller that compares the id of the request finds no repeat", async () => {
  const seller = new UcpSeller();
  seller.keyOf = () => crypto.randomUUID();
  const failed = (await verified(seller)).filter(({ kind }) => kind === "fail").map(({ id }) => id);
  expect(failed).toEqual(expect.arrayContaining(["MR01", "MC01", "MF01"]));
});
