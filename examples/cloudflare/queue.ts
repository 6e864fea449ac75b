import { d1Store, handleQueueBatch } from "once-again/cloudflare";
import { openInbox, readJson } from "once-again/inbox";

interface Env {
  readonly DB: D1Database;
  readonly DEAD_LETTERS: Queue;
}

export default {
  async queue(batch: MessageBatch, env: Env, ctx: ExecutionContext) {
    const inbox = openInbox({ mode: "transactional", store: d1Store(env.DB), consumer: "billing" });
    const id = ({ body }: { body: unknown }) => (body as { order: string }).order;
    await handleQueueBatch(batch, { inbox, id, deadLetters: env.DEAD_LETTERS }, (message, { transaction }) => {
      const { order } = readJson(message) as { order: string };
      transaction.run("INSERT INTO invoices (order_id) VALUES (?)", order);
    });
    ctx.waitUntil(inbox.close());
  },
};
