import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test } from "vitest";
import { exchange } from "../frameworks/exchange.ts";
import { startExample } from "../frameworks/start-example.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// The programs of docs/guides/webhooks.md, as they stand there, in each framework.

const secret = `whsec_${btoa("the secret of this test, 32 bytes")}`;
const warehouse = new Webhook(secret);

function signed(id: string, status: string, timestamp: string) {
  const body = JSON.stringify({ type: "order.changed", timestamp, data: { order: "order-7", status } });
  const now = new Date();
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    "webhook-signature": warehouse.sign(id, now, body),
  };
  return { path: "/webhooks", key: "", headers, body };
}

const paid = signed("msg_1", "paid", "2026-11-26T08:00:00Z");
const packed = signed("msg_2", "packed", "2026-11-26T09:00:00Z");
const shipped = signed("msg_3", "shipped", "2026-11-26T10:00:00Z");

const programs = ["express", "fastify", "hono", "koa", "node", "web"].map((name) => `examples/webhooks/${name}.ts`);

test.for([...programs, "examples/frameworks/nest/webhooks.ts"])(
  "%s handles a webhook once, refuses a forged one, and keeps the newest",
  async (file) => {
    const path = join(temporaryFolder(), "shop.db");
    const url = await startExample(file, { SHOP_DB: path, WEBHOOK_SECRET: secret });
    const statuses = async (...sent: (typeof paid)[]) =>
      Promise.all(sent.map(async (webhook) => (await exchange(url, webhook)).status));
    expect(await statuses({ ...paid, body: packed.body })).toEqual([401]);
    // A request that is no POST reaches no route, or is not believed.
    expect([401, 404, 405]).toContain((await exchange(url, { method: "GET", path: "/webhooks", key: "" })).status);
    for (const status of await statuses(...Array.from({ length: 20 }, () => paid)))
      expect([204, 409]).toContain(status);
    expect(await statuses(paid)).toEqual([204]);
    expect(await statuses(shipped)).toEqual([204]);
    expect(await statuses(packed, packed), "an older event").toEqual([200, 200]);
    const database = new DatabaseSync(path);
    onTestFinished(() => database.close());
    expect(database.prepare("SELECT status FROM orders").all()).toEqual([{ status: "shipped" }]);
    expect(database.prepare("SELECT text FROM mails").all()).toEqual([
      { text: "Your order is paid." },
      { text: "Your order is shipped." },
    ]);
  },
);

test("an endpoint is ten lines at most in each framework", () => {
  for (const file of programs) {
    const lines = readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "" && !/^(?:import |\/\/)/.test(line));
    expect([file, lines.length <= 10]).toEqual([file, true]);
  }
  const [controller = ""] =
    /@Controller[^]*?\n}\n/.exec(readFileSync("examples/frameworks/nest/webhooks.ts", "utf8")) ?? [];
  expect(controller.split("\n").length).toBeLessThanOrEqual(10);
});
