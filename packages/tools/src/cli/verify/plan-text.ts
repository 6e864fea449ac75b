import { secretNames } from "../../secret-names.ts";
import type { Painter } from "once-again/internal/command";
import type { SendMode, PlannedCase, Sending, TestRequest } from "../../verify/index.ts";

/** The requests that would be sent, for people; each line is ended by a line feed. */
export function formatPlan(plan: readonly PlannedCase[], host: string, painter: Painter): string {
  const requests = plan.flatMap(({ sendings }) => sendings.flatMap(({ requests }) => requests)).length;
  const lines = [
    ...plan.flatMap(({ id, title, sendings, missing }) => [
      painter.strong(`${id}  ${title}`),
      ...sendings.flatMap((sending) => formatSending(sending, painter)),
      ...(missing === undefined
        ? []
        : [painter.faint(`  ${sendings.length === 0 ? "nothing" : "no more"}: ${missing}`)]),
      "",
    ]),
    `${plan.length} cases, at least ${requests} requests to ${host}. Nothing was sent.`,
  ];
  return lines.map((line) => `${line}\n`).join("");
}

const modes: Readonly<Record<SendMode, string>> = {
  "in-turn": "one after the other",
  "keep-alive": "one after the other, over one connection",
  pipelined: "over one connection, without waiting",
  together: "at once",
  staggered: "a few milliseconds apart",
  "in-pieces": "in small pieces",
  "expect-continue": "with Expect: 100-continue",
  "then-close": "then closed, without reading the answer",
  "then-reset": "then reset, without reading the answer",
  "reset-in-answer": "then reset at the first byte of the answer",
  "half-then-close": "half of it, then ended",
  "beside-a-stalled": "half of the first, then the second whole",
};

function formatSending({ mode, requests }: Sending, painter: Painter): string[] {
  const title = requests.length === 1 && mode === "in-turn" ? [] : [painter.faint(`  ${modes[mode]}:`)];
  return [...title, ...[...groupRepeats(requests)].flatMap(([request, times]) => formatRequest(request, times))];
}

/** Requests that are the same object stand in a row. */
function* groupRepeats(requests: readonly TestRequest[]): Generator<[TestRequest, number]> {
  for (let at = 0; at < requests.length;) {
    const end = requests.findIndex((request, index) => index > at && request !== requests[at]);
    const next = end < 0 ? requests.length : end;
    yield [requests[at]!, next - at];
    at = next;
  }
}

/** How much of a body is shown, characters. */
const bodyShownMax = 200;

function formatRequest({ method, target, headers, body, framing }: TestRequest, times: number): string[] {
  const text = body.toString().trim();
  const shown = text.length > bodyShownMax ? `${text.slice(0, bodyShownMax)}… (${body.length} bytes)` : text;
  return [
    `    ${method} ${target}${times > 1 ? `  (${times} times)` : ""}${framing === "chunked" ? "  (chunked)" : ""}`,
    ...headers.map(
      ([name, value]) => `      ${name}: ${secretNames.includes(name.toLowerCase()) ? "(not shown)" : value}`,
    ),
    ...(shown === "" ? [] : [`      ${shown}`]),
  ];
}
