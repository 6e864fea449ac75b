import type { UnconfirmedMessage } from "once-again/outbox";
import {
  type DiscardedMessage,
  readSettlementNote,
  type UnconfirmedPlace,
  type WholeUnconfirmedMessage,
} from "once-again/internal";
import { formatDuration, type Painter } from "once-again/internal/command";
import { alignColumns } from "../keys/columns.ts";
import { escapeControls } from "../keys/printable.ts";
import { fieldFormat, formatPreview } from "../keys/record-text.ts";

const columns = ["ADDED", "TRIED", "STATE", "REFUSALS", "PLACE", "TOPIC", "KEY", "ID", "ANSWER"] as const;

/** How much of an answer, and of a place's name, a table shows, characters. */
const [answerLengthMax, placeLengthMax] = [80, 60];

/** How far an outbox counts. */
const countMax = 10_000;

export function formatCount(count: number): string {
  return count < countMax ? String(count) : "10,000 or more";
}

export function countMessages(count: number): string {
  return `${formatCount(count)} ${count === 1 ? "message" : "messages"}`;
}

/** Messages that were tried and not confirmed for people, a line for each. */
export function formatTable(messages: readonly UnconfirmedMessage[], now: number, painter: Painter): string[] {
  return withTitles([columns, ...messages.map((message) => formatCells(message, now))], painter);
}

function withTitles(rows: readonly (readonly string[])[], painter: Painter): string[] {
  const [titles = "", ...lines] = alignColumns(rows);
  return [painter.strong(titles), ...lines];
}

function formatCells(message: UnconfirmedMessage, now: number): string[] {
  const { id, topic, place, orderingKey, addedAt, triedAt, refusals, refusal } = message;
  return [
    formatAge(addedAt, now),
    formatAge(triedAt, now),
    formatState(message, now),
    String(refusals),
    formatPlace(place),
    escapeControls(topic),
    orderingKey === undefined ? "-" : escapeControls(orderingKey),
    escapeControls(id),
    formatAnswer(refusal),
  ];
}

const formatAge = (time: number, now: number): string => `${formatDuration(Math.max(0, now - time))} ago`;

function formatState({ parkedAt, dueAt }: UnconfirmedMessage, now: number): string {
  if (parkedAt !== undefined) return "parked";
  return dueAt <= now ? "next: now" : `next: in ${formatDuration(dueAt - now)}`;
}

/** Of a long name the end: addresses of queues differ there. */
function formatPlace(place: string | undefined): string {
  if (place === undefined) return "-";
  const shown = place.length > placeLengthMax ? `…${place.slice(-placeLengthMax)}` : place;
  return escapeControls(shown);
}

function formatAnswer(answer: string): string {
  return escapeControls(answer.length > answerLengthMax ? `${answer.slice(0, answerLengthMax)}…` : answer);
}

/** Places that have not confirmed messages which wait for them, a line for each. */
export function formatPlaces(places: readonly UnconfirmedPlace[], now: number, painter: Painter): string[] {
  const rows = places.map(({ place, tried, untried, oldestAt, triedAt, refusal }) => [
    formatPlace(place),
    formatCount(tried),
    untried === undefined ? "-" : formatCount(untried),
    formatAge(oldestAt, now),
    formatAge(triedAt, now),
    formatAnswer(refusal),
  ]);
  return withTitles([["PLACE", "NOT CONFIRMED", "UNTRIED", "OLDEST", "TRIED", "ANSWER"], ...rows], painter);
}

/** Messages that people discarded, a line for each. */
export function formatDiscarded(messages: readonly DiscardedMessage[], now: number, painter: Painter): string[] {
  const rows = messages.map(({ discardedAt, note, place, topic, orderingKey, id, refusal }) => {
    const { author = "-", reason = "-" } = readSettlementNote(note) ?? {};
    const names = [formatPlace(place), ...[topic, orderingKey ?? "-", id].map(escapeControls)];
    return [
      formatAge(discardedAt, now),
      escapeControls(author),
      escapeControls(reason),
      ...names,
      formatAnswer(refusal),
    ];
  });
  return withTitles([["DISCARDED", "BY", "REASON", "PLACE", "TOPIC", "KEY", "ID", "ANSWER"], ...rows], painter);
}

/** One message for people. */
export function formatMessage(message: WholeUnconfirmedMessage, now: number, painter: Painter): string[] {
  const { id, topic, place, orderingKey, headers, body, addedAt, triedAt, parkedAt } = message;
  const { dueAt, refusals, refusal, blocks } = message;
  const field = fieldFormat(painter);
  const time = (ms: number): string => `${new Date(ms).toISOString()} (${formatAge(ms, now)})`;
  const next = dueAt <= now ? "now" : `${new Date(dueAt).toISOString()} (in ${formatDuration(dueAt - now)})`;
  return [
    field("id", escapeControls(id)),
    field("topic", escapeControls(topic)),
    field("place", place === undefined ? "-" : escapeControls(place)),
    field("ordering key", orderingKey === undefined ? "-" : escapeControls(orderingKey)),
    field("added", time(addedAt)),
    field("tried", time(triedAt)),
    parkedAt === undefined ? field("tried again", next) : field("parked", time(parkedAt)),
    field("holds up", blocks ? "the later messages of its ordering key" : "none"),
    field("refusals", String(refusals)),
    field("answer", painter.bad(escapeControls(refusal))),
    field("body", `${body.length} bytes`),
    ...Object.entries(headers).map(([name, value]) => `  ${escapeControls(name)}: ${escapeControls(value)}`),
    ...formatPreview(body),
  ];
}

/** Says that no message is parked by an id. */
export function notParked(id: string): string {
  return `${escapeControls(id)}: No message is parked by this id: it was published or discarded, still waits, or never was.`;
}
