import { metrics, trace } from "@opentelemetry/api";
import { onceWeb } from "once-again/web";
import { serverTelemetry } from "once-again/opentelemetry";
import { sqliteStore } from "once-again/stores/sqlite";

/** Stands for your authentication: the account of checked credentials. A stranger has no account. */
const accountOf = ({ headers }: Request): string | null => headers.get("x-account");

const keyed = onceWeb(
  {
    store: sqliteStore({ path: "keys.db" }),
    scope: (request) => accountOf(request)!,
    onEvent: serverTelemetry({ meter: metrics.getMeter("shop"), trace }),
  },
  async (request) => Response.json({ order: await request.json() }, { status: 201 }),
);

export async function orders(request: Request): Promise<Response> {
  return accountOf(request) === null ? new Response(null, { status: 401 }) : keyed(request);
}
