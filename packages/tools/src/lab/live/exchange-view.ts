import type { AttemptMark, ExchangeNews, ExchangeView, LiveFault } from "./live-protocol.ts";

/** A request that goes on its way, since its fate is decided. */
export function sendView(view: ExchangeView, fault: LiveFault): ExchangeView {
  const { scenario, requestDelayMs = 0, answerDelayMs = 0 } = fault;
  return { ...view, at: "sent", fate: scenario, requestMs: requestDelayMs, answerMs: answerDelayMs };
}

/** The exchange after what the network says of it. */
export function moveView(view: ExchangeView, news: ExchangeNews): ExchangeView {
  return { ...view, at: news.type, mark: nextMark(view, news) };
}

function nextMark({ mark, fate }: ExchangeView, news: ExchangeNews): AttemptMark {
  switch (news.type) {
    case "lost":
      return "lose-request";
    case "failed":
      return "fail";
    case "answered":
      return fate === "lose-answer" ? fate : news.mark;
    case "broken":
      return "broken";
    case "left":
      return mark === "sent" ? "left" : mark;
    case "heard":
      return mark;
  }
}

/** Whether nothing more will be heard of it. */
export const isOver = ({ at }: ExchangeView): boolean => at === "heard" || at === "broken" || at === "left";
