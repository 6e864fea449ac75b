import { settlementNote } from "once-again/stores";
import { findNoteProblem, type OperatorNote } from "../operator-note.ts";
import { systemClock } from "once-again/internal";
import type { OutboxStore } from "once-again/outbox";
import { backlogJson, messageJson, outboxJson } from "../../admin/message-json.ts";
import { listUnconfirmedPage } from "../../admin/unconfirmed-page.ts";
import { type ConsoleResponse, refusal, type Route, type Section } from "../route.ts";
import { sampleWatch } from "../sample-watch.ts";
import type { BacklogSample } from "./messages-protocol.ts";

/** The part of an outbox that the section calls; it does not close the outbox. */
export type WatchedOutbox = Pick<
  OutboxStore<never>,
  "backlog" | "listUnconfirmed" | "showUnconfirmed" | "listPlaces" | "retryParked" | "discardParked" | "listDiscarded"
>;

const pageSizeMax = 200;

/** A message about which a person decided here. */
export interface DecidedMessage extends OperatorNote {
  readonly id: string;
  readonly did: "retried" | "discarded";
}

/**
 * The backlog of an outbox, the places that don't confirm, and the messages that were tried, for people.
 *
 * @param onDecided is called with each message that a person decided about, for a log.
 */
export function messagesSection(
  outbox: WatchedOutbox,
  onDecided: (decided: DecidedMessage) => void = () => undefined,
): Section {
  const watch = sampleWatch(() => takeSample(outbox));
  return {
    name: "messages",
    routes: {
      "GET list": ({ query }) => list(outbox, query),
      "GET show": ({ query }) => show(outbox, query.get("id")),
      "GET watch": ({ signal }) => ({ events: watch.watch(signal) }),
      "POST retry": decide((id) => outbox.retryParked(id), "retried", onDecided),
      "POST discard": decide(
        (id, note) => outbox.discardParked(id, { note: settlementNote(note) }),
        "discarded",
        onDecided,
      ),
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
  if (after !== undefined && !/^\d{1,47}$/.test(after)) return refusal(400, "after must be a message's position.");
  const asked = [outbox.backlog(), outbox.listPlaces(), listUnconfirmedPage(outbox, { limit, after })] as const;
  const [backlog, places, page] = await Promise.all(asked);
  return { json: outboxJson({ backlog, places, page }) };
}

const notParked = "No message is parked by this id any more: it was published or discarded, or waits for a relay.";

const notUnconfirmed =
  "No message of this id was tried and waits any more: it was published or discarded, or was not tried yet.";

async function show(outbox: WatchedOutbox, id: string | null): Promise<ConsoleResponse> {
  if (id === null) return refusal(400, "A message is named by its id.");
  const messages = await outbox.showUnconfirmed(id);
  return messages.length === 0 ? refusal(404, notUnconfirmed) : { json: { messages: messages.map(messageJson) } };
}

function decide(
  decideParked: (id: string, note: OperatorNote) => Promise<boolean>,
  did: DecidedMessage["did"],
  onDecided: (decided: DecidedMessage) => void,
): Route {
  return async ({ body }) => {
    const { id, author, reason } = (body ?? {}) as { id?: unknown } & OperatorNote;
    if (typeof id !== "string") return refusal(400, "A message is named by its id.");
    const problem = findNoteProblem({ author, reason });
    if (problem !== undefined) return refusal(400, problem);
    if (!(await decideParked(id, { author, reason }))) return refusal(409, notParked);
    onDecided({ id, did, author, reason });
    return { json: {} };
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
