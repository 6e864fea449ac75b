import { parseItem, parseList } from "structured-headers";
import { OnceAgainError } from "../../../packages/once-again/src/core/errors.ts";
import { seededRandom } from "../../../packages/once-again/src/core/random.ts";
import { parseRetryAfter } from "../../../packages/once-again/src/delivery/parse-retry-after.ts";
import { waitHint } from "../../../packages/once-again/src/delivery/wait-hint.ts";
import { canonicalBody, requestFingerprint } from "../../../packages/once-again/src/key/fingerprint.ts";
import { parseKey } from "../../../packages/once-again/src/key/key.ts";
import { requestHeaders } from "../../../packages/gateway/src/forward-headers.ts";
import { protectedHeaders } from "../../../packages/gateway/src/protected-headers.ts";
import { rowReader } from "../../../packages/tools/src/audit/read-table.ts";
import { hidesDotSegments, normalPath, pathPattern } from "../../../packages/gateway/src/path-pattern.ts";
import { cpuGrowth, linearGrowthMax } from "../../support/cpu-growth.ts";
import { Breaches, type FuzzResult, type FuzzRun } from "./fuzz.ts";
import { picker } from "./picker.ts";

type Parse = (text: string) => unknown;

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, "latin1"));
const bodyOf =
  (contentType: string): Parse =>
  (text) =>
    canonicalBody(contentType.split(";", 1)[0]!, contentType, bytesOf(text));
const arrival = {
  remoteAddress: "127.0.0.1",
  host: "a",
  protocol: "http",
  httpVersion: "1.1",
  isFromProxy: true,
  callerAddress: "127.0.0.1",
} as const;
const forwarding = { names: protectedHeaders(["x-account"]), trusts: () => true, proxiesMax: 1 };
const ordersPattern = pathPattern("/orders/{id}:cancel");

/** The functions that read texts from strangers, and may throw documented errors alone. */
const parsers: Readonly<Record<string, Parse>> = {
  "the key header": (text) => parseKey([text]),
  "two key headers": (text) => parseKey([text, text]),
  "a JSON body": bodyOf("application/json"),
  "a form": bodyOf("application/x-www-form-urlencoded"),
  "a multipart body": bodyOf("multipart/form-data; boundary=zz"),
  "the type of a multipart body": (text) =>
    canonicalBody("multipart/form-data", `multipart/form-data; ${text}`, bytesOf("--zz\r\n\r\na\r\n--zz--")),
  "a fingerprint": (text) =>
    requestFingerprint({ method: "POST", path: `/${text}`, query: `?${text}`, contentType: text, body: bytesOf(text) }),
  "Retry-After": (text) => parseRetryAfter(text, 0),
  RateLimit: (text) => waitHint({ get: (name) => (name === "RateLimit" ? text : null) }, 0, 429),
  "X-RateLimit-Reset": (text) => waitHint({ get: (name) => (name === "X-RateLimit-Reset" ? text : null) }, 0, 429),
  "a path": (text) => [normalPath(text), hidesDotSegments(text), ordersPattern(normalPath(text))],
  "a line of a log": (text) => rowReader("log")(text, 1),
  "the end of a line of a log": (text) => rowReader("log")(`a - - [b] "POST / HTTP/1.1" 201 1 ${text}`, 1),
  "the Connection header": (text) => requestHeaders(["Connection", text, "x", "y"], arrival, forwarding),
  "forwarding headers": (text) =>
    requestHeaders(["Forwarded", text, "X-Forwarded-For", text, "Via", text, "TE", text], arrival, forwarding),
};

/** Parsers of a dependency: what they throw is their own error, and time alone counts. */
const foreignParsers: Readonly<Record<string, Parse>> = {
  "a structured item": (text) => parseItem(text),
  "a structured list": (text) => parseList(text),
};

/** Texts that are repeated: each has made a parser slow somewhere. */
const crumbs = [
  ...[
    " ",
    ",",
    " ,",
    ", ",
    "a,",
    "a&",
    "a=b&",
    "&",
    "%",
    "%25",
    "%2e",
    "[",
    "{",
    '{"a":',
    '"',
    '\\"',
    "\\",
    "1",
    "a",
    "/",
    "../",
    "..;/",
    "\t",
  ],
  ...[
    "--zz\r\n",
    "--zz\r\n\r\na\r\n",
    "\r\n",
    ";",
    "a;",
    'a="b";',
    "=",
    "(",
    "?1,",
    ":AA==:",
    "\u00e9",
    "0",
    "-",
    "{a}",
    "1.5,",
    "+",
  ],
];
const endings = ["", "b", "=", '"', "]", "}", "--", ";", "\u0000", "\u00ff"];

/** Gives random texts to every parser, and texts that double to each of them. */
export async function fuzzParsers({ seed, seconds, only, onProgress }: FuzzRun): Promise<FuzzResult> {
  const breaches = new Breaches();
  const startedAt = performance.now();
  let cases = 0;
  let measured = 0;
  for (; (performance.now() - startedAt) / 1000 < seconds; cases += 1) {
    const number = only ?? cases;
    const random = seededRandom(`${seed} ${number}`);
    if (number % 50 === 49) {
      measureGrowth(number, breaches, random);
      measured += 1;
    } else await readRandom(number, breaches, random);
    if (cases % 100 === 0) {
      onProgress(cases);
      await new Promise(setImmediate);
    }
  }
  const elapsed = Math.round((performance.now() - startedAt) / 1000);
  return { target: "parsers", seed, cases, seconds: elapsed, deaths: 0, breaches: breaches.all, figures: { measured } };
}

async function readRandom(number: number, breaches: Breaches, random: () => number): Promise<void> {
  const text = randomText(random);
  for (const [name, parse] of Object.entries(parsers)) {
    try {
      await parse(text);
    } catch (error) {
      if (OnceAgainError.isInstance(error)) continue;
      breaches.add(
        `${name} ${String(error)}`,
        `Case ${number}: ${name} throws ${String(error)} for ${JSON.stringify(text.slice(0, 200))}.`,
      );
    }
  }
}

function randomText(random: () => number): string {
  const pick = picker(random);
  const parts = Array.from({ length: Math.floor(random() * 12) }, () => {
    const way = random();
    if (way < 0.5) return pick(crumbs).repeat(Math.floor(random() ** 4 * 300) + 1);
    if (way < 0.8) return String.fromCodePoint(Math.floor(random() * 256));
    return pick([
      "application/json",
      "Sun, 06 Nov 1994 08:49:37 GMT",
      '"k-1"',
      "r=0;t=30",
      "boundary=zz",
      "/orders/7:cancel",
      "1e999",
      "true",
      "null",
      "99999999999",
    ]);
  });
  return parts.join("");
}

function measureGrowth(number: number, breaches: Breaches, random: () => number): void {
  const pick = picker(random);
  const all = { ...parsers, ...foreignParsers };
  const name = pick(Object.keys(all));
  const [start, crumb, ending] = [pick(["", "a", '"', "/", "{", "["]), pick(crumbs), pick(endings)];
  const parse = ignoring(all[name]!);
  const work = (size: number): void => void parse(start + crumb.repeat(Math.ceil(size / crumb.length)) + ending);
  const growth = cpuGrowth(8192, work);
  // A collection of garbage may fall into one of two measurements, and not into both.
  if (growth <= linearGrowthMax || cpuGrowth(8192, work) <= linearGrowthMax) return;
  const shape = JSON.stringify(`${start}(${crumb})*${ending}`);
  breaches.add(
    `growth ${name} ${crumb}`,
    `Case ${number}: ${name} takes ${growth.toFixed(0)} times as long for four times ${shape}.`,
  );
}

function ignoring(parse: Parse): Parse {
  return (text) => {
    try {
      return parse(text);
    } catch {
      return undefined;
    }
  };
}
