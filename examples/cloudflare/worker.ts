import { DurableObject } from "cloudflare:workers";
import { OnceAgainError } from "once-again";
import { d1Store, durableObjectStore, onceObject } from "once-again/cloudflare";
import { onceWeb } from "once-again/web";

/** The keys of leased routes. */
export class OnceKeys extends onceObject(DurableObject) {}

/** An account, with its balance in its own SQLite: key, effect and result commit together. */
export class Account extends onceObject(DurableObject) {
  async charge(key: string, request: { amount: number }) {
    try {
      return await this.once({ scope: "charge", key, request }, (sql) => {
        sql.exec("CREATE TABLE IF NOT EXISTS charges (amount INTEGER NOT NULL)");
        sql.exec("INSERT INTO charges VALUES (?)", request.amount);
        const { total } = sql.exec("SELECT sum(amount) AS total FROM charges").one();
        return { charged: request.amount, total };
      });
    } catch (error) {
      // Its code does not pass from an object to its Worker.
      if (OnceAgainError.isInstance(error, "ONCE_KEY_INVALID")) return { code: error.code, status: 400 };
      if (OnceAgainError.isInstance(error, "ONCE_KEY_REUSED")) return { code: error.code, status: 422 };
      throw error;
    }
  }
}

interface Env {
  readonly ONCE: DurableObjectNamespace;
  readonly ACCOUNTS: DurableObjectNamespace<Account>;
  readonly DB: D1Database;
}

/** Leased: the effect is anywhere, and the keys are in Durable Objects. */
const mails = ({ ONCE }: Env) =>
  onceWeb({ store: durableObjectStore(ONCE), scope: "public" }, async (request, { key }) => {
    await sendMail(await request.text(), key);
    return new Response("sent", { status: 201 });
  });

/** Transactional: the effect is a row in the database that has the keys. */
const orders = ({ DB }: Env) =>
  onceWeb({ mode: "transactional", store: d1Store(DB), scope: "public" }, async (request, { transaction }) => {
    const { item, amount } = (await request.json()) as { item: string; amount: number };
    const stock = await DB.prepare("SELECT left FROM stock WHERE item = ?").bind(item).first<{ left: number }>();
    if ((stock?.left ?? 0) < amount) return Response.json({ error: "sold out" }, { status: 409 });
    transaction.require("(SELECT left FROM stock WHERE item = ?) >= ?", item, amount);
    transaction.run("UPDATE stock SET left = left - ? WHERE item = ?", amount, item);
    transaction.run("INSERT INTO orders (item, amount) VALUES (?, ?)", item, amount);
    return Response.json({ item, amount }, { status: 201 });
  });

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/charges") {
      const { account, amount } = (await request.json()) as { account: string; amount: number };
      const stub = env.ACCOUNTS.get(env.ACCOUNTS.idFromName(account));
      const result = await stub.charge(request.headers.get("idempotency-key") ?? "", { amount });
      return Response.json(result, { status: "status" in result ? result.status : 200 });
    }
    // A route of one request: a Worker's timers and connections end with the request that made them.
    const route = pathname === "/orders" ? orders(env) : mails(env);
    const response = route(request);
    // Now, not after the response: the runtime ends the handler of a caller that leaves, unless it waits for it.
    ctx.waitUntil(Promise.allSettled([response]).then(() => route.close()));
    return response;
  },

  /** No engine of a Worker lives long enough to remove what expired: have cron do it. */
  async scheduled(_event: unknown, env: Env): Promise<void> {
    await d1Store(env.DB).purge({ limit: 1000 });
  },
};

/** Stands for a service that honours keys. */
async function sendMail(text: string, key: string | undefined): Promise<void> {
  console.log(`mail: ${text}, key ${key}`);
}
