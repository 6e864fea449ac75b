import { comparing, racing, right, takingKeys } from "./mcp-faults.ts";
import { McpModel, type Members, TaskError, type ToolCall } from "./right-mcp-server.ts";
import type { AdcpModel } from "./right-seller.ts";

/** A fault of a seller: the case that must find it, and a change to the right seller. */
export interface SellerFault {
  readonly breaks: string;
  readonly change: (server: AdcpModel) => Partial<AdcpModel>;
}

type Change = SellerFault["change"];

const argument =
  (name: string) =>
  ({ args }: ToolCall): unknown =>
    (args as Members)[name];

/** A seller that compares less than it has to. */
const ignoring =
  (change: (args: Members) => Members): Change =>
  (server) => ({
    payload: (call) => right(server).payload.call(server, { ...call, args: change(call.args as Members) }),
  });

const refusingKeys =
  (refused: (key: string) => boolean): Change =>
  (server) => ({
    checkKey(key) {
      if (typeof key === "string" && refused(key)) throw new TaskError("INVALID_REQUEST", "no such key");
      return right(server).checkKey.call(server, key);
    },
  });

/** At least one fault for each case of the Ad Context Protocol. */
export const sellerFaults: Readonly<Record<string, SellerFault>> = {
  "ten-minutes-of-retention": {
    breaks: "MA01",
    change: () => ({ capabilities: () => ({ adcp: { idempotency: { supported: true, replay_ttl_seconds: 600 } } }) }),
  },
  "media-is-bought-without-a-key": { breaks: "MA02", change: takingKeys((key) => key === undefined) },
  "short-keys-are-taken": { breaks: "MA03", change: takingKeys((key) => String(key).length < 16) },
  "keys-with-spaces-are-taken": { breaks: "MA04", change: takingKeys((key) => String(key).includes(" ")) },
  "keys-need-32-characters": { breaks: "MA05", change: refusingKeys((key) => key.length < 32) },
  "keys-have-at-most-64-characters": { breaks: "MA06", change: refusingKeys((key) => key.length > 64) },
  "replayed-is-missing": { breaks: "MA07", change: () => ({ replayed: (answer) => answer }) },
  "failures-of-sellers-are-stored": {
    breaks: "MA08",
    change: (server) => ({
      refused: (name, record, error) => McpModel.prototype.refused.call(server, name, record, error),
    }),
  },
  "conflicts-are-results": {
    breaks: "MA09",
    change: () => ({ conflict: () => ({ media_buy_id: "that of the first", status: "completed" }) }),
  },
  "conflicts-show-the-first-payload": {
    breaks: "MA10",
    change: () => ({
      conflict(record) {
        throw new TaskError("IDEMPOTENCY_CONFLICT", "another payload", { details: { first: record.payload } });
      },
    }),
  },
  "conflicts-are-in-one-layer": {
    breaks: "MA11",
    change: () => ({ errorMembers: ({ members }) => ({ adcp_error: members }) }),
  },
  "duplicates-find-the-service-unavailable": {
    breaks: "MA12",
    change: racing((_server, meet) => ({
      running() {
        meet();
        throw new TaskError("SERVICE_UNAVAILABLE", "try again", { retry_after: 1 });
      },
    })),
  },
  "another-payload-is-in-flight": {
    breaks: "MA13",
    change: racing((_server, meet) => ({
      conflict(record) {
        meet();
        const code = record.answer === undefined ? "IDEMPOTENCY_IN_FLIGHT" : "IDEMPOTENCY_CONFLICT";
        throw new TaskError(code, "another payload", { retry_after: 1 });
      },
    })),
  },
  "context-is-compared": { breaks: "MA14", change: comparing(argument("context")) },
  "governance-is-compared": { breaks: "MA15", change: comparing(argument("governance_context")) },
  "credentials-of-notifications-are-compared": {
    breaks: "MA16",
    change: comparing(argument("push_notification_config")),
  },
  "where-notifications-go-is-not-compared": {
    breaks: "MA17",
    change: ignoring(({ push_notification_config: _config, ...rest }) => rest),
  },
  "ext-is-not-compared": { breaks: "MA18", change: ignoring(({ ext: _ext, ...rest }) => rest) },
  "null-is-dropped-before-it-is-compared": {
    breaks: "MA19",
    change: ignoring((args) => JSON.parse(JSON.stringify(args, (_, value: unknown) => value ?? undefined)) as Members),
  },
  "members-around-a-call-are-unexpected": {
    breaks: "MA20",
    change: (server) => ({
      capabilities(args) {
        if (Object.keys(args).length > 0) throw new TaskError("INVALID_REQUEST", "unexpected keyword argument");
        return right(server).capabilities.call(server, args);
      },
    }),
  },
  "each-duplicate-buys": { breaks: "MA21", change: () => ({ recordName: () => crypto.randomUUID() }) },
};
