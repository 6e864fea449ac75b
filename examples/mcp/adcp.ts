/**
 * A seller of the Ad Context Protocol over MCP; each media buy is bought once: `npm run example examples/mcp/adcp.ts` serves
 * it on stdio, and with `PORT=3002` over HTTP.
 */
import { DatabaseSync } from "node:sqlite";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import {
  errorMeta,
  openToolCalls,
  replayedMeta,
  retryAfterMeta,
  type ToolContext,
  type ToolResult,
} from "once-again/mcp";
import { sqliteStore } from "once-again/stores/sqlite";
import { z } from "zod";
import { serve } from "./serve.ts";

const path = process.env["SHOP_DB"] ?? "shop.db";
const database = new DatabaseSync(path);
database.exec(
  "PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS buys (id TEXT PRIMARY KEY, budget INTEGER) STRICT",
);

const daySeconds = 86_400;

// In a transaction: what fails is rolled back, so its key is free again, as the protocol wants it.
const once = openToolCalls({
  mode: "transactional",
  store: sqliteStore({ path }),
  scope: ({ authInfo }) => (authInfo === undefined ? "the one who started it" : (authInfo.extra?.["user"] as string)),
  retentionMs: daySeconds * 1000,
});

interface MediaBuy {
  readonly idempotency_key?: string | undefined;
  readonly budget?: unknown;
  readonly [member: string]: unknown;
}

/** The part of a payload that distinguishes two calls of one key: all but what changes between attempts. */
function payload({ context: _context, governance_context: _governance, ...rest }: MediaBuy): unknown {
  const { push_notification_config: config } = rest as { push_notification_config?: { authentication?: object } };
  if (config?.authentication === undefined) return rest;
  const { credentials: _credentials, ...authentication } = config.authentication as Record<string, unknown>;
  return { ...rest, push_notification_config: { ...config, authentication } };
}

/** A task that fails, by the protocol's codes. */
class TaskError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

function buy({ budget }: MediaBuy, transaction: DatabaseSync): object {
  if (typeof budget !== "number" || budget <= 0) throw new TaskError("BUDGET_TOO_LOW", "A media buy has a budget.");
  const id = crypto.randomUUID();
  transaction.prepare("INSERT INTO buys VALUES (?, ?)").run(id, budget);
  return { media_buy_id: id, status: "pending_creatives" };
}

/** An answer, flat: what is around it beside its body, and as text too. */
const answer = (members: object, isError = false) => ({
  content: [{ type: "text" as const, text: JSON.stringify(members) }],
  structuredContent: members as Record<string, unknown>,
  isError,
});

function failure(code: string, message: string, retryAfterMs?: number) {
  const recovery = retryAfterMs === undefined ? "correctable" : "transient";
  const error = { code, message, recovery, ...(retryAfterMs && { retry_after: Math.ceil(retryAfterMs / 1000) }) };
  return answer({ status: "failed", adcp_error: error, errors: [error] }, true);
}

async function createMediaBuy(args: MediaBuy, context: ToolContext) {
  if (!/^[\w.:-]{16,255}$/.test(args.idempotency_key ?? "")) {
    return failure("INVALID_REQUEST", "idempotency_key must have 16 to 255 letters, digits and _ . : -");
  }
  let failed: TaskError | undefined;
  const tool = { name: "create_media_buy", keyArgument: "idempotency_key", fingerprint: payload };
  const result = await once.call(tool, { ...args }, context, (given: MediaBuy, { once: { transaction } }) => {
    try {
      return answer({ ...buy(given, transaction) });
    } catch (error) {
      if (error instanceof TaskError) failed = error;
      throw error;
    }
  });
  if (failed !== undefined) return failure(failed.code, failed.message);
  return asAdcp(result);
}

const codes: Readonly<Record<string, readonly [code: string, message: string]>> = {
  ONCE_KEY_REUSED: ["IDEMPOTENCY_CONFLICT", "This idempotency_key was used with another payload."],
  ONCE_IN_PROGRESS: ["IDEMPOTENCY_IN_FLIGHT", "The first call with this key is still running."],
  ONCE_KEY_INVALID: ["INVALID_REQUEST", "idempotency_key is malformed."],
};

function asAdcp({ structuredContent, _meta: meta = {} }: ToolResult) {
  const refused = meta[errorMeta];
  if (refused === undefined) {
    return answer({ ...(structuredContent as object), ...(meta[replayedMeta] === true && { replayed: true }) });
  }
  const [code, message] = codes[refused as string] ?? [
    "SERVICE_UNAVAILABLE",
    "The seller can't take it for the moment.",
  ];
  const isWait = code === "IDEMPOTENCY_IN_FLIGHT" || code === "SERVICE_UNAVAILABLE";
  return failure(code, message, isWait ? Number(meta[retryAfterMeta] ?? 1000) : undefined);
}

await serve(() => {
  const server = new McpServer({ name: "seller", version: "1.0.0" });
  const loose = (shape: z.ZodRawShape) => z.looseObject(shape);
  server.registerTool("get_adcp_capabilities", { inputSchema: loose({}) }, async () =>
    answer({ adcp: { idempotency: { supported: true, replay_ttl_seconds: daySeconds } } }),
  );
  server.registerTool(
    "create_media_buy",
    {
      description: "Buys media. The program that runs the model fills in idempotency_key.",
      inputSchema: loose({ idempotency_key: z.string().optional(), budget: z.unknown() }),
      annotations: { idempotentHint: true },
    },
    (args, context) => createMediaBuy(args as MediaBuy, context),
  );
  server.registerTool("count_media_buys", { annotations: { readOnlyHint: true } }, async () => {
    const row = database.prepare("SELECT count(*) AS buys FROM buys").get();
    return { content: [{ type: "text", text: String(row?.["buys"]) }] };
  });
  return server;
});
