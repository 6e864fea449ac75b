/** A warehouse that sends webhooks as the world does (twice, late, out of order), an attacker, and a shop that takes them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

const folder = mkdtempSync(join(tmpdir(), "once-again-webhooks-"));
process.env["SHOP_DB"] = join(folder, "shop.db");
process.env["PORT"] ??= "3000";

// The shop: examples/webhooks/express.ts, as it is.
await import("./express.ts");
const { warehouse } = await import("./webhooks.ts");
const url = `http://127.0.0.1:${process.env["PORT"]}/webhooks`;

interface Change {
  readonly id: string;
  readonly status: string;
  readonly at: string;
}
const paid: Change = { id: "msg_1", status: "paid", at: "2026-11-26T08:00:00Z" };
const packed: Change = { id: "msg_2", status: "packed", at: "2026-11-26T09:00:00Z" };
const shipped: Change = { id: "msg_3", status: "shipped", at: "2026-11-26T10:00:00Z" };

/** A webhook as the warehouse signs it. */
function signed({ id, status, at }: Change, sentAt = new Date()) {
  const body = JSON.stringify({ type: "order.changed", timestamp: at, data: { order: "order-7", status } });
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1000)),
    "webhook-signature": warehouse.sign(id, sentAt, body),
  };
  return { headers, body };
}

async function send({ headers, body }: ReturnType<typeof signed>): Promise<number> {
  const response = await fetch(url, { method: "POST", headers, body });
  await response.body?.cancel();
  return response.status;
}

const { headers, body } = signed(paid);
console.log("forged:", await send({ headers: { ...headers, "webhook-signature": "v1,AAAA" }, body }));
console.log("an hour old:", await send(signed(paid, new Date(Date.now() - 3_600_000))));
console.log("changed on its way:", await send({ headers, body: body.replace("paid", "gift") }));

const copies = await Promise.all(Array.from({ length: 50 }, () => send(signed(paid))));
console.log("50 copies at once:", [204, 409].filter((status) => copies.includes(status)).join(" and "));
console.log("sent again:", await send(signed(paid)));
console.log(
  "sent by an attacker, under another id:",
  await send({ headers: { ...headers, "webhook-id": "msg_9" }, body }),
);

console.log("shipped:", await send(signed(shipped)));
console.log("packed, an hour older, and late:", await send(signed(packed)));

const database = new DatabaseSync(process.env["SHOP_DB"]);
console.log("the order is", database.prepare("SELECT status FROM orders").get()?.["status"]);
for (const { text } of database.prepare("SELECT text FROM mails").all()) console.log("mail:", text);
database.close();
rmSync(folder, { recursive: true });
process.exit();
