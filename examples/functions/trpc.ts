import { initTRPC, TRPCError } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { OnceAgainError } from "once-again";
import { onceFunction } from "once-again/function";
import { sqliteStore } from "once-again/stores/sqlite";
import { DatabaseSync } from "node:sqlite";

interface Payment {
  readonly id: string;
  readonly amount: number;
}

const path = process.env["ORDERS_DB"] ?? "orders.db";
new DatabaseSync(path).exec("CREATE TABLE IF NOT EXISTS payments (account TEXT, amount INTEGER) STRICT");

const pay = onceFunction(
  {
    mode: "transactional",
    store: sqliteStore({ path }),
    scope: "pay",
    // Callers choose their ids themselves, so the account is a part of the key.
    key: (account: string, { id }: Payment) => `${account}/${id}`,
  },
  ({ transaction }, account, { id, amount }) => {
    transaction.prepare("INSERT INTO payments VALUES (?, ?)").run(account, amount);
    return { id, amount };
  },
);

/** The error of a call that was not executed: after CONFLICT a caller tries again, with the same id. */
const codes = {
  ONCE_IN_PROGRESS: "CONFLICT",
  ONCE_KEY_REUSED: "UNPROCESSABLE_CONTENT",
  ONCE_KEY_INVALID: "BAD_REQUEST",
} as const;

const t = initTRPC.context<{ account: string | undefined }>().create();
const signedIn = t.procedure.use(async ({ ctx: { account }, next }) => {
  if (account === undefined) throw new TRPCError({ code: "UNAUTHORIZED" });
  const result = await next({ ctx: { account } });
  const cause = result.ok ? undefined : result.error.cause;
  const code = OnceAgainError.isInstance(cause) ? codes[cause.code as keyof typeof codes] : undefined;
  if (code !== undefined) throw new TRPCError({ code, message: (cause as Error).message, cause });
  return result;
});

const router = t.router({
  pay: signedIn.input(paymentOf).mutation(({ ctx, input }) => pay(ctx.account, input)),
});
export type Router = typeof router;

/** Stands for your validation. */
function paymentOf(value: unknown): Payment {
  const { id, amount } = (value ?? {}) as Partial<Payment>;
  if (typeof id === "string" && id !== "" && Number.isSafeInteger(amount)) return { id, amount: amount! };
  throw new TRPCError({ code: "BAD_REQUEST" });
}

/** Each mutation of a batch has a key, and happens once, by itself. */
export function serve(account: string | undefined, request: Request): Promise<Response> {
  return fetchRequestHandler({ endpoint: "/trpc", router, req: request, createContext: () => ({ account }) });
}
