import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { countCharges, freePort, type RunningServer, startServer } from "./start-server.ts";

let server: RunningServer;

before(async () => {
  server = await startServer(await freePort());
});
after(() => server.stop());

function charge(key: string, amount = 420, authorization = "Bearer secret"): Promise<Response> {
  return fetch(server.url, {
    method: "POST",
    headers: { authorization, "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({ amount }),
  });
}

test("a repeat gets the first response, and charges nothing", async () => {
  const charges = await countCharges(server.url);
  const key = randomUUID();
  const first = await charge(key);
  const repeat = await charge(key);
  assert.deepEqual([first.status, repeat.status], [201, 201]);
  assert.equal(await repeat.text(), await first.text());
  assert.deepEqual(
    [first, repeat].map(({ headers }) => headers.get("idempotent-replayed")),
    [null, "true"],
  );
  assert.equal(await countCharges(server.url), charges + 1);
});

test("ten copies that come at once make one charge", async () => {
  const charges = await countCharges(server.url);
  const key = randomUUID();
  const responses = await Promise.all(Array.from({ length: 10 }, () => charge(key)));
  // A copy that comes while the first one runs may get 409, and may ask again.
  assert.deepEqual(
    responses.map(({ status }) => status).filter((status) => status !== 201 && status !== 409),
    [],
  );
  assert.equal(await countCharges(server.url), charges + 1);
});

test("the same key with another amount is refused", async () => {
  const key = randomUUID();
  await charge(key, 420);
  assert.equal((await charge(key, 500)).status, 422);
});

test("a stranger is refused", async () => {
  assert.equal((await charge(randomUUID(), 420, "Bearer guess")).status, 401);
});
