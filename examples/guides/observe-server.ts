import { metrics } from "@opentelemetry/api";
import { onceFetch } from "once-again/fetch";
import { serverTelemetry } from "once-again/opentelemetry";
import { sqliteStore } from "once-again/stores/sqlite";

export const orders = onceFetch(
  {
    store: sqliteStore({ path: "keys.db" }),
    scope: (request) => String(request.headers.get("x-account")),
    onEvent: serverTelemetry({ meter: metrics.getMeter("shop") }),
  },
  async (request) => Response.json({ order: await request.json() }, { status: 201 }),
);
