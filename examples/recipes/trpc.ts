import { initTRPC, TRPCError } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { onceWeb } from "once-again/web";
import { sqliteStore } from "once-again/stores/sqlite";

// Stands for your sign-in: the account of each token.
const accounts = new Map([["Bearer secret", "acme"]]);
const accountOf = ({ headers }: Request) => accounts.get(headers.get("authorization") ?? "");

interface Context {
  key: string | undefined;
}
const t = initTRPC.context<Context>().create();
const router = t.router({
  order: t.procedure.input(itemOf).mutation(({ input, ctx }) => ({ order: input, key: ctx.key })),
  stock: t.procedure.query(() => 12),
});
export type Router = typeof router;

/** Stands for your validation. */
function itemOf(value: unknown): { item: string } {
  if (typeof value === "object" && value !== null && "item" in value) return { item: String(value.item) };
  throw new TRPCError({ code: "BAD_REQUEST" });
}

const trpc = onceWeb(
  { store: sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" }), scope: (request) => accountOf(request)! },
  (request, { key }) =>
    // One key, one mutation: a batch would be one operation, which half fails.
    fetchRequestHandler({
      endpoint: "/trpc",
      router,
      req: request,
      allowBatching: false,
      createContext: () => ({ key }),
    }),
);

export function serve(request: Request): Promise<Response> | Response {
  return accountOf(request) === undefined ? new Response("Who are you?", { status: 401 }) : trpc(request);
}
