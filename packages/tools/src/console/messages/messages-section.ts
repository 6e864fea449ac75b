import { systemClock } from "once-again/internal";
import type { OutboxStore } from "once-again/outbox";
import { backlogJson, messageJson, outboxJson } from "../../admin/message-json.ts";
import { listParkedPage } from "../../admin/parked-page.ts";
import { type ConsoleResponse, refusal, type Route, type Section } from "../route.ts";
import { sampleWatch } from "../sample-watch.ts";
import type { BacklogSample } from "./messages-protocol.ts";

/** The part of an outbox that the section calls; it does not close the outbox. */
export type WatchedOutbox = Pick<
  OutboxStore<never>,
  "backlog" | "listParked" | "showParked" | "retryParked" | "discardParked"
>;

const pageSizeMax = 200;

/** The backlog of an outbox, and its parked messages, for people. */
export function messagesSection(outbox: WatchedOutbox): Section {
  const watch = sampleWatch(() => takeSample(outbox));
  return {
    name: "messages",
    routes: {
      "GET list": ({ query }) => list(outbox, query),
      "GET show": ({ query }) => show(outbox, query.get("id")),
      "GET watch": ({ signal }) => ({ events: watch.watch(signal) }),
      "POST retry": decide((id) => outbox.retryParked(id)),
      "POST discard": decide((id) => outbox.discardParked(id)),
    },
    close: async () => watch.close(),
  };
}

async function list(outbox: WatchedOutbox, query: URLSearchParams): Promise<ConsoleResponse> {
  const limit = Number(query.get("limit") ?? 50);
  if (!Number.isInteger(limit) || limit < 1 || limit > pageSizeMax) {
    return refusal(400, `limit must be a whole number from 1 to ${pageSizeMax}.`);
  }
  const after = query.get("after") ?? undefined;
  if (after !== undefined && !/^\d{1,15}$/.test(after)) return refusal(400, "after must be a message's position.");
  const [backlog, page] = await Promise.all([outbox.backlog(), listParkedPage(outbox, { limit, after })]);
  return { json: outboxJson(backlog, page) };
}

const notParked = "No message is parked by this id any more: it was published or discarded, or waits for a relay.";

async function show(outbox: WatchedOutbox, id: string | null): Promise<ConsoleResponse> {
  if (id === null) return refusal(400, "A message is named by its id.");
  const messages = await outbox.showParked(id);
  return messages.length === 0 ? refusal(404, notParked) : { json: { messages: messages.map(messageJson) } };
}

function decide(decideParked: (id: string) => Promise<boolean>): Route {
  return async ({ body }) => {
    const { id } = (body ?? {}) as { id?: unknown };
    if (typeof id !== "string") return refusal(400, "A message is named by its id.");
    return (await decideParked(id)) ? { json: {} } : refusal(409, notParked);
  };
}

async function takeSample(outbox: WatchedOutbox): Promise<BacklogSample> {
  const at = systemClock.now();
  const startedMs = systemClock.monotonic();
  try {
    const backlog = backlogJson(await outbox.backlog());
    return { at, latencyMs: systemClock.monotonic() - startedMs, ...backlog };
  } catch (error) {
    return { at, problem: error instanceof Error ? error.message : String(error) };
  }
}
