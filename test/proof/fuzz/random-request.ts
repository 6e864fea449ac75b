import type { Random } from "../../../packages/once-again/src/core/random.ts";
import { webSocket } from "./connection-shapes.ts";
import { picker } from "./picker.ts";

/** A request that may be odd. */
export interface RandomRequest {
  /** Latin-1. */
  readonly text: string;
  /** In its `x-request` header. */
  readonly id: string;
  /** A key that no other request has; missing where it has none, or an odd one. */
  readonly key?: string | undefined;
  /** Whether its framing is right, so that a server can read it to its end and go on. */
  readonly isWhole: boolean;
}

const methods = [
  "GET",
  "GET",
  "POST",
  "POST",
  "PATCH",
  "PUT",
  "DELETE",
  "HEAD",
  "OPTIONS",
  "M-SEARCH",
  "PURGE",
  "CONNECT",
];
const targets = [
  ...[
    "/",
    "/",
    "/a",
    "/a?b=c#d",
    "*",
    "http://x/y",
    "http://[bad/",
    "http://[",
    "http://a@evil/o",
    "ftp://x",
    "//",
    "//[",
    "/-/health",
  ],
  ...["/-/metrics", "/%ff", "/..%2f", "/public/..;/a", "\u00e9", "/\u00e9", "/a/../b", `/${"x".repeat(3000)}`],
];
const hosts = ["a", "a", "a", "a:80", "[::1]:1", "", 'a"b', "a@b", "[", "\u00e9"];
const keys = ["shared-1", "shared-2", '"quoted"', '"', "", ",", "\u00e9", "a, b", "x".repeat(255), "x".repeat(300)];

/** Headers that were part of a finding, or that a parser of ours reads. */
const oddLines: readonly (readonly [share: number, line: string | readonly string[]])[] = [
  [0.1, "Expect: 100-continue"],
  [0.04, "Expect: zz"],
  [0.1, "Trailer: q"],
  [0.08, "TE: trailers"],
  [0.12, webSocket],
  [0.05, ["Connection: upgrade", "Upgrade: x"]],
  [0.08, ["Connection: upgrade, http2-settings", "Upgrade: h2c", "HTTP2-Settings: AAM"]],
  [0.08, "Connection: close"],
  [0.08, "Connection: keep-alive, x-account, x-request"],
  [0.04, "X_Account: victim"],
  [0.04, "Idempotency_Attempt: 7"],
  [0.04, "Via: 1.0 x"],
  [0.04, "X: \u00e9\u00ff"],
  [0.04, 'Forwarded: for="a'],
  [0.04, "X-Forwarded-For: 6.6.6.6"],
  [0.05, "Content-Type: application/json"],
  [0.05, "Content-Type: application/x-www-form-urlencoded"],
  [0.05, "Content-Type: multipart/form-data; boundary=zz; boundary=yy"],
  [0.03, "Content-Type: text/html; x=\u00e9"],
  [0.04, "Cookie: a=\u00ff; b"],
  [0.04, `traceparent: 00-${"a".repeat(32)}-${"b".repeat(16)}-01`],
  [0.02, "Host: b"],
  [0.02, "Transfer-Encoding: gzip, chunked"],
  [0.02, " folded: 1"],
  [0.02, "no-colon"],
];

const longHeaders = [
  "Connection",
  "TE",
  "Forwarded",
  "Via",
  "Cookie",
  "Content-Type",
  "Idempotency-Key",
  "Trailer",
  "Expect",
];
const longValues = [" ", ",", "a, ", "a;", '"', "\\", "=", "a"];

/** Makes a request. @param id no other request of the run has it. */
export function randomRequest(random: Random, id: string): RandomRequest {
  const pick = picker(random);
  const method = pick(methods);
  const lines = [`${method} ${pick(targets)} HTTP/${pick(["1.1", "1.1", "1.1", "1.1", "1.0"])}`];
  if (random() < 0.97) lines.push(`Host: ${pick(hosts)}`);
  lines.push(`x-request: ${id}`);
  if (random() < 0.8) lines.push(`x-account: ${pick(["acme", "acme", "b", "", " ", "\u00e9"])}`);
  const key = random() < 0.5 ? `key-${id}` : undefined;
  if (key !== undefined) lines.push(`Idempotency-Key: ${key}`);
  else if (random() < 0.2) lines.push(`Idempotency-Key: ${pick(keys)}`);
  for (const [share, line] of oddLines) if (random() < share) lines.push(...(typeof line === "string" ? [line] : line));
  if (random() < 0.03) lines.push(`${pick(longHeaders)}: a${pick(longValues).repeat(15_000).slice(0, 15_000)}b`);
  const body = randomBody(random);
  const text = `${[...lines, ...body.lines].join("\r\n")}\r\n\r\n${body.text}`;
  return { text, id, key, isWhole: body.isWhole && !lines.some((line) => odd.test(line)) };
}

/** Lines after which a server may rightly read nothing more of a connection. */
const odd = /^(?:CONNECT|Expect|Connection|Host: b|Transfer-Encoding| folded|no-colon)/i;

interface RandomBody {
  readonly lines: readonly string[];
  readonly text: string;
  readonly isWhole: boolean;
}

function randomBody(random: Random): RandomBody {
  const pick = picker(random);
  const way = random();
  if (way < 0.35) return { lines: [], text: "", isWhole: true };
  if (way < 0.65) {
    const text = pick([
      "hi",
      "{}",
      "a&".repeat(5000),
      "[".repeat(5000),
      '{"a":1}',
      "--zz\r\n\r\na\r\n--zz--",
      "x".repeat(100_000),
    ]);
    const length = random() < 0.8 ? text.length : pick([0, text.length + 3, 1_500_000]);
    return { lines: [`Content-Length: ${length}`], text, isWhole: length === text.length };
  }
  const lines = [...(random() < 0.3 ? ["Trailer: q, x-account"] : []), "Transfer-Encoding: chunked"];
  const crumbs = "1\r\nx\r\n".repeat(Math.floor(random() ** 3 * 20_000));
  const [text, isWhole] = pick([
    ["2\r\nhi\r\n0\r\n\r\n", true],
    ["0\r\n\r\n", true],
    ["2\r\nhi\r\n0\r\nq: 1\r\nx-account: victim\r\nx-forwarded-for: 6.6.6.6\r\n\r\n", true],
    [`${crumbs}0\r\n\r\n`, true],
    [crumbs, false],
    ["2\r\nh", false],
    ["zz\r\n", false],
    ["5;ext=a\r\nhello\r\n", false],
    ["fffffffffffffffff\r\na", false],
  ] as const);
  return { lines, text, isWhole };
}
