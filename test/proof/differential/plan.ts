import { type Random, seededRandom } from "once-again";

/** One request, and what the back end does with it. */
export interface Plan {
  readonly id: number;
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  /** The parts of the body as they are written; missing: none. */
  readonly body?: readonly string[];
  readonly framing: "length" | "chunked";
  readonly trailers: readonly [string, string][];
  readonly expects: boolean;
  readonly upgrade: boolean;
  readonly answer: AnswerPlan;
}

/** The answer of the back end. */
export interface AnswerPlan {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly string[];
  readonly parts: readonly string[];
  readonly framing: "length" | "chunked" | "close";
  readonly trailers: readonly [string, string][];
  readonly interim: readonly number[];
  readonly compressed: boolean;
  /** Whether an upgrade is agreed to. */
  readonly agrees: boolean;
  /** How much of the request's body it reads before it answers. */
  readonly early: boolean;
}

const methods = ["GET", "GET", "HEAD", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"];
const statuses = [200, 200, 200, 201, 202, 204, 206, 301, 304, 400, 404, 409, 416, 500, 503];
const targets = ["/", "/orders", "/orders/7?a=%20&b=%2F", "/a//b/../c;d=1", "/%C3%A9?x=[1]|'\"", "/?", "/*"];
const names = ["X-One", "x-two", "Accept", "Accept-Encoding", "Cookie", "Authorization", "If-None-Match", "X-Latin"];
const values = ["1", "a, b", "", 'W/"tag"', "caf\u00e9", "x".repeat(300), "gzip;q=0.5, br", "a=1; b=2"];
const responseNames = ["Set-Cookie", "ETag", "X-Own", "Vary", "Cache-Control", "Link", "Location", "X-Own"];

/** The plan of one request of a run. */
export function planOf(seed: number | string, id: number): Plan {
  const random = seededRandom(`${seed}/${id}`);
  const upgrade = random() < 0.05;
  const method = upgrade ? "GET" : pick(random, methods);
  const hasBody = !upgrade && (method === "GET" || method === "HEAD" ? random() < 0.05 : random() < 0.8);
  const framing = random() < 0.5 ? "length" : "chunked";
  const trailers: [string, string][] = hasBody && framing === "chunked" && random() < 0.2 ? [["X-Check", "1"]] : [];
  const headers = someHeaders(random, names);
  if (random() < 0.1) headers.push("Range", `bytes=${Math.floor(random() * 50)}-${random() < 0.5 ? "" : "60"}`);
  if (random() < 0.1) headers.push("Connection", "keep-alive, X-Hop", "X-Hop", "only this connection");
  if (random() < 0.1) headers.push("TE", "trailers");
  if (trailers.length > 0) headers.push("Trailer", "X-Check");
  // Node sends headers beyond ASCII in another encoding where it waits for 100.
  const expects = hasBody && random() < 0.2 && headers.every((text) => /^[ -~]*$/.test(text));
  const answer = answerPlan(random);
  return {
    id,
    method,
    target: pick(random, targets),
    headers,
    ...(hasBody && { body: someParts(random) }),
    framing,
    trailers,
    expects,
    upgrade,
    // A connection that is closed under a body on its way is reset, and it is open which bytes arrive.
    answer: { ...answer, early: answer.early && !expects && answer.framing !== "close" },
  };
}

function answerPlan(random: Random): AnswerPlan {
  const status = pick(random, statuses);
  const framing = pick(random, ["length", "length", "chunked", "close"] as const);
  const trailers: [string, string][] =
    framing === "chunked" && random() < 0.3
      ? [
          ["X-Sum", "7"],
          ["x-sum", "8"],
        ]
      : [];
  const headers = someHeaders(random, responseNames);
  if (random() < 0.1) headers.push("Connection", "X-Hop", "X-Hop", "only this connection");
  return {
    status,
    reason: pick(random, ["OK", "", "Very Fine", "caf\u00e9"]),
    headers,
    parts: random() < 0.1 ? [] : someParts(random),
    framing,
    trailers,
    interim: random() < 0.1 ? [103, ...(random() < 0.5 ? [102] : [])] : [],
    compressed: random() < 0.2,
    agrees: random() < 0.7,
    early: random() < 0.05,
  };
}

function someHeaders(random: Random, from: readonly string[]): string[] {
  return Array.from({ length: Math.floor(random() * 5) }, () => [pick(random, from), pick(random, values)]).flat();
}

function someParts(random: Random): string[] {
  const sizes = [1, 10, 100, 1000, 20_000, 100_000];
  return Array.from({ length: Math.floor(random() * 4) + 1 }, (_, at) => String(at).repeat(pick(random, sizes)));
}

function pick<Value>(random: Random, from: readonly Value[]): Value {
  return from[Math.floor(random() * from.length)]!;
}
