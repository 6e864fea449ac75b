import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import type { RequestForm } from "./subject.ts";

/** A response as it came over the wire. */
export interface Observed {
  readonly status: string;
  /** How the end of the body is known. */
  readonly framing: string;
  /** Names in lower case; a repeated header stands here once for each value. */
  readonly headers: readonly string[];
  readonly body: string;
  /** Statuses of informational responses before it. */
  readonly early: readonly string[];
  readonly trailers: readonly string[];
}

/** How long a response may take, milliseconds: much longer than any does that comes at all. */
const patienceMs = 3000;

/** Headers of the moment and of the connection's age. */
const ofMoment = new Set(["date", "keep-alive", "x-ratelimit-reset"]);

/** Sends a request with a key on a connection that no other uses. What ends without a response is one of the status "none". */
export async function observe(
  url: string,
  method: "POST" | "HEAD",
  { headers = {}, body = '{"item":"tea"}' }: RequestForm = {},
  key: string = randomUUID(),
): Promise<Observed> {
  const outgoing = request(url, {
    method,
    agent: false,
    // A response that never ends is observed as no response.
    signal: AbortSignal.timeout(patienceMs),
    headers: {
      ...(method === "POST" && { "content-type": "application/json", "content-length": body.length }),
      ...(method === "POST" && headers),
      "idempotency-key": key,
      "accept-encoding": "gzip",
    },
  });
  const early: string[] = [];
  outgoing.on("information", ({ statusCode, headers: hints }) => {
    early.push(`${statusCode} ${JSON.stringify(hints)}`);
  });
  outgoing.end(method === "POST" ? body : undefined);
  try {
    const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
    return { early, ...(await readWhole(incoming)) };
  } catch {
    return { status: "none", framing: "", headers: [], body: "", early, trailers: [] };
  }
}

async function readWhole(incoming: IncomingMessage): Promise<Omit<Observed, "early">> {
  const chunks: Buffer[] = [];
  let end = "";
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
  } catch {
    end = " (cut)";
  }
  const { rawHeaders, statusCode, statusMessage } = incoming;
  const headers = Array.from(
    { length: rawHeaders.length / 2 },
    (_, index) => `${rawHeaders[2 * index]!.toLowerCase()}: ${rawHeaders[2 * index + 1]}`,
  );
  const body = Buffer.concat(chunks);
  const framings = [`content-length: ${body.length}`, "transfer-encoding: chunked"];
  return {
    status: `${statusCode} ${statusMessage}`,
    framing: headers
      .filter((line) => framings.includes(line))
      .map((line) => line.replace(/: \d+$/, ""))
      .join(),
    headers: headers
      .filter((line) => !framings.includes(line) && !ofMoment.has(line.slice(0, line.indexOf(":"))))
      .toSorted(),
    body: body.toString("latin1") + end,
    trailers: incoming.rawTrailers,
  };
}

/** One line for each difference: a part, how it is without once-again, and how it is with it. */
export function differences(without: Observed, behind: Observed): string[] {
  const lines: string[] = [];
  const compare = (part: string, before: string, after: string): void => {
    if (before !== after) lines.push(`${part}: ${shown(before)} -> ${shown(after)}`);
  };
  compare("status", without.status, behind.status);
  for (const line of without.headers) if (!behind.headers.includes(line)) lines.push(`header missing: ${shown(line)}`);
  for (const line of behind.headers) if (!without.headers.includes(line)) lines.push(`header added: ${shown(line)}`);
  compare("header count", String(without.headers.length), String(behind.headers.length));
  compare("framing", without.framing, behind.framing);
  compare("body", without.body, behind.body);
  compare("early", without.early.join(), behind.early.join());
  compare("trailers", without.trailers.join(), behind.trailers.join());
  // The policy is in every response of a route of ours; the line of the count follows from the others.
  return lines.filter(
    (line) => !line.startsWith("header added: idempotency-key-policy:") && !line.startsWith("header count:"),
  );
}

function shown(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 60)}… (${text.length})`;
}
