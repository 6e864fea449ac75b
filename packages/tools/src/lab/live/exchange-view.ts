import type { ExchangeEvent, Fault } from "@once-again/testing";
import type { AttemptMark, ExchangeView } from "./live-protocol.ts";

/** A request that goes on its way, since its fate is decided. */
export function sendView(view: ExchangeView, fault: Fault): ExchangeView {
  const { scenario, requestDelayMs = 0, answerDelayMs = 0 } = fault;
  return { ...view, at: "sent", fate: scenario, requestMs: requestDelayMs, answerMs: answerDelayMs };
}

/** The exchange after what the network says of it. */
export function moveView(view: ExchangeView, event: ExchangeEvent): ExchangeView {
  return { ...view, at: event.type, mark: nextMark(view, event) };
}

function nextMark({ mark, fate }: ExchangeView, event: ExchangeEvent): AttemptMark {
  switch (event.type) {
    case "lost":
      return "lose-request";
    case "failed":
      return "fail";
    case "answered":
      return fate === "lose-answer" ? fate : readMark(event.bytes);
    case "broken":
      return "broken";
    case "left":
      return mark === "sent" ? "left" : mark;
    case "heard":
      return mark;
  }
}

/** Reads an answer of the lab's API by its first bytes: Node sends a head whole. */
function readMark(bytes: Buffer): AttemptMark {
  const text = bytes.toString("latin1");
  if (Number(text.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length)) >= 400) return "refused";
  return /\r\nidempotent-replayed:/i.test(text) ? "replay" : "pass";
}

/** Whether nothing more will be heard of it. */
export const isOver = ({ at }: ExchangeView): boolean => at === "heard" || at === "broken" || at === "left";
