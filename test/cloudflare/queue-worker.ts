import { d1Store, handleQueueBatch } from "../../packages/once-again/src/cloudflare/index.ts";
import { openInbox, readJson, rejectedError } from "../../packages/once-again/src/messaging/inbox/index.ts";

/** The bindings of this Worker. */
interface Bindings {
  readonly DB: D1Database;
  readonly ORDERS: Queue;
  readonly DEAD_LETTERS: Queue;
}

/** An order, and what goes wrong with it the first time. */
interface Order {
  readonly id: string;
  readonly fault?: "throw before the commit" | "the batch is retried" | "rejected";
}

/** Invoices orders of a queue: `POST /` sends them, `GET /` shows the invoices and the dead letters. */
export default {
  async fetch(request: Request, { DB, ORDERS }: Bindings): Promise<Response> {
    if (request.method === "POST") {
      await d1Store(DB).migrate();
      await DB.batch(
        ["invoices", "letters", "runs"].map((table) => DB.prepare(`CREATE TABLE IF NOT EXISTS ${table} (id TEXT)`)),
      );
      for (const order of (await request.json()) as Order[]) await ORDERS.send(order);
      return new Response();
    }
    const tables = ["invoices", "letters", "runs"].map(async (table) => {
      const { results } = await DB.prepare(`SELECT id FROM ${table} ORDER BY id`).bind().run();
      return [table, results.map((row) => (row as { id: string }).id)];
    });
    return Response.json(Object.fromEntries(await Promise.all(tables)));
  },

  async queue(batch: MessageBatch, { DB, DEAD_LETTERS }: Bindings, ctx: ExecutionContext): Promise<void> {
    if (batch.queue === "dead-letters") {
      for (const { body } of batch.messages) {
        const { reason, id } = body as { reason: string; id: string };
        await DB.prepare("INSERT INTO letters VALUES (?)").bind(`${reason} ${id}`).run();
      }
      return;
    }
    const inbox = openInbox({ mode: "transactional", store: d1Store(DB), consumer: "billing" });
    const id = ({ body }: { readonly body: unknown }) => (body as Partial<Order>).id;
    let retriesAll = false;
    await handleQueueBatch(batch, { inbox, id, deadLetters: DEAD_LETTERS }, async (message, { transaction }) => {
      const order = readJson(message) as Order;
      const { results } = await DB.prepare(
        "INSERT INTO runs VALUES (?) RETURNING (SELECT count(*) FROM runs WHERE id = ?) AS earlier",
      )
        .bind(order.id, order.id)
        .run();
      const isFirst = (results[0] as { earlier: number }).earlier === 0;
      if (order.fault === "rejected") throw rejectedError("no such item");
      transaction.run("INSERT INTO invoices (id) VALUES (?)", order.id);
      if (order.fault === "throw before the commit" && isFirst) throw new Error("the printer jams");
      if (order.fault === "the batch is retried" && isFirst) retriesAll = true;
    });
    ctx.waitUntil(inbox.close());
    // As a consumer that is evicted after its effect: what was acknowledged is taken back.
    if (retriesAll) throw new Error("evicted");
  },
};
