import { randomBytes } from "node:crypto";
import { signatureOf, secondsAt, idHeader, signatureHeader, timestampHeader } from "../webhook-signature.ts";
import type { Probe } from "../probe.ts";
import {
  findHeader,
  type HeaderList,
  type TestRequest,
  withHeaders,
  withoutHeaders,
  withQuery,
} from "../test-request.ts";
import { NotApplicable } from "../verdict.ts";
import { nameEnd } from "../verify-options.ts";
import { fillInKeys } from "./run-steps.ts";
import type { Change } from "./cases-json.ts";

/** The names that a case has given to keys and numbers. */
export interface Names {
  readonly keys: ReadonlyMap<string, string>;
  readonly numbers: ReadonlyMap<string, number>;
}

/** Makes the request that results from a list of changes. @throws NotApplicable when the request or the options lack something. */
export function changeRequest(
  probe: Probe,
  request: TestRequest,
  changes: readonly Change[],
  names: Names,
): TestRequest {
  return changes.reduce<TestRequest>((changed, change) => {
    const [[name, argument] = ["", undefined]] = Object.entries(change);
    const apply = makers[name];
    if (apply === undefined) throw new Error(`The suite has a change ${name}, which this program does not know.`);
    return apply(changed, argument as never, probe, names);
  }, request);
}

type Maker = (request: TestRequest, argument: never, probe: Probe, names: Names) => TestRequest;

/** A value of the key's header. */
interface FormattedKey {
  readonly formatted: string;
  readonly padTo?: number | string;
  readonly then?: string;
  readonly before?: string;
  readonly after?: string;
  /** Whether the end of the longer principal's name stands in front. */
  readonly nameEnd?: true;
}

/** A signature of Standard Webhooks: its scheme, and what made it. */
type Signature = readonly [scheme: string, by: "own" | "other" | "random" | "cut"];

const makers: Readonly<Record<string, Maker>> = {
  key: (request, values: readonly (string | FormattedKey)[], probe, names) =>
    probe.withKey(request, ...values.map((value) => writeKey(value, probe, names))),
  keyName: (request, letters: "lower" | "upper", { target: { keyHeader } }) => ({
    ...request,
    headers: request.headers.map(([name, value]) => [name === keyHeader ? changeCase(name, letters) : name, value]),
  }),
  otherBody: (request, _, probe) => probe.withOtherBody(request),
  refusedBody: (request, _, { target }) => ({ ...request, body: Buffer.from(target.refusedBody) }),
  failingBody: (request, _, { target: { failingBody } }) => {
    if (failingBody === undefined) throw new NotApplicable("needs a body at which the operation fails");
    return { ...request, body: Buffer.from(failingBody) };
  },
  needsJson: (request, _, probe) => (probe.readJson(request) === "" ? request : request),
  wrapJson: (request, wrap: { before?: string; after?: string; times?: number }, probe) => {
    const { before = "", after = "", times = 1 } = wrap;
    return withText(request, before.repeat(times) + probe.readJson(request) + after);
  },
  reverseMembers: (request, _, probe) => {
    const members = Object.entries(JSON.parse(probe.readJson(request)) as Record<string, unknown>);
    if (members.length < 2) throw new NotApplicable("the body has only one member");
    return withText(request, JSON.stringify(Object.fromEntries(members.toReversed())));
  },
  addMember: (request, member: string, probe) => {
    const text = probe.readJson(request).trimEnd();
    if (!text.endsWith("}")) throw new NotApplicable("the body is no JSON object");
    const inside = text.slice(0, -1).trimEnd();
    return withText(request, `${inside}${inside.endsWith("{") ? "" : ","}${member}}`);
  },
  frontMember: (request, { name, length }: { name: string; length: number }, probe) => {
    const inside = probe.readJson(request).trimStart().slice(1).trimStart();
    return withText(request, `{"${name}":"${"k".repeat(length)}"${inside.startsWith("}") ? "" : ","}${inside}`);
  },
  respaceJson: (request, _, probe) =>
    withText(
      request,
      `${probe
        .readJson(request)
        .replace("{", "{ \n\t")
        .replaceAll("/", String.raw`\/`)}\n`,
    ),
  changeByte: (request) => withChangedByte(request),
  header: (request, header: readonly [string, string]) => withHeaders(request, [header]),
  appendHeader: (request, [name, end]: readonly [string, string]) =>
    withHeaders(request, [[name, `${findHeader(request, name) ?? ""}${end}`]]),
  removeHeader: (request, name: string) => ({ ...request, headers: withoutHeaders(request.headers, [[name, ""]]) }),
  chunked: (request) => ({ ...request, framing: "chunked" }),
  query: (request, query: string) => withQuery(request, query),
  otherMethod: (request) => ({ ...request, method: request.method === "PATCH" ? "POST" : "PATCH" }),
  otherPath: (request) => ({ ...request, target: otherPath(request.target) }),
  otherUrl: (request, _, probe) => probe.atOtherUrl(request),
  get: (request) => ({ ...request, method: "GET", body: Buffer.alloc(0) }),
  otherPrincipal: (request, _, probe) => probe.asOther(request),
  renewedCredentials: (request, _, { target: { renewedHeaders } }) => {
    if (renewedHeaders === undefined) throw new NotApplicable("needs the first principal's renewed credentials");
    return withHeaders(request, renewedHeaders);
  },
  longerPrincipal: (request, _, probe) => withHeaders(request, requireLonger(probe)),
  noCredentials: (request, _, probe) => probe.withoutCredentials(request),
  sign: (request, { at = 0, signatures = [["v1", "own"]] }: SignArgument, probe) =>
    sign(request, probe, typeof at === "number" ? secondsAt(at) : at, signatures),
  timestamp: (request, at: number) => withHeaders(request, [[timestampHeader, secondsAt(at)]]),
  signCutElsewhere: (request, _, probe) => signCutElsewhere(request, probe),
};

interface SignArgument {
  /** Seconds from now, or a text as it stands. */
  readonly at?: number | string;
  readonly signatures?: readonly Signature[];
}

const withText = (request: TestRequest, text: string): TestRequest => ({ ...request, body: Buffer.from(text) });

const changeCase = (name: string, letters: "lower" | "upper"): string =>
  letters === "lower" ? name.toLowerCase() : name.toUpperCase();

/** A text is sent as it stands; an object as this server takes keys. */
function writeKey(value: string | FormattedKey, probe: Probe, names: Names): string {
  if (typeof value === "string") return fillInKeys(value, names);
  const { formatted, padTo = 0, then = "", before = "", after = "", nameEnd: isNameEnd = false } = value;
  if (isNameEnd)
    return probe.formatKey(nameEnd(probe.target.headers, requireLonger(probe)[0]!)! + fillInKeys(formatted, names));
  const length = typeof padTo === "number" ? padTo : names.numbers.get(padTo)!;
  return `${before}${probe.formatKey(fillInKeys(formatted, names).padEnd(length, "k") + then)}${after}`;
}

function requireLonger({ target: { longerHeaders } }: Probe): HeaderList {
  if (longerHeaders === undefined)
    throw new NotApplicable("needs a principal that is named like the first with more behind it");
  return longerHeaders;
}

function requireSecret({ target: { secret } }: Probe): Buffer {
  if (secret === undefined) throw new NotApplicable("needs the signing secret");
  return secret;
}

function sign(request: TestRequest, probe: Probe, timestamp: string, signatures: readonly Signature[]): TestRequest {
  const secret = requireSecret(probe);
  const bytes = {
    own: () => signatureOf(request, secret, timestamp),
    other: () => signatureOf(request, randomBytes(secret.length), timestamp),
    random: () => randomBytes(64).toString("base64"),
    cut: () => signatureOf(request, secret, timestamp).slice(0, 8),
  };
  return withHeaders(request, [
    [timestampHeader, timestamp],
    [signatureHeader, signatures.map(([scheme, by]) => `${scheme},${bytes[by]()}`).join(" ")],
  ]);
}

/** A delivery that is signed as `id.time.time.text`: it reads as one of another id, if the id may hold a full stop. */
function signCutElsewhere(request: TestRequest, probe: Probe): TestRequest {
  const timestamp = secondsAt(0);
  const long = sign(withText(request, `${timestamp}.${request.body.toString()}`), probe, timestamp, [["v1", "own"]]);
  return { ...withHeaders(long, [[idHeader, `${findHeader(request, idHeader)}.${timestamp}`]]), body: request.body };
}

/** The body with its last digit or letter changed to the next, so that JSON stays JSON. */
/** A path below a target's, with its query. */
function otherPath(target: string): string {
  const [path = "", ...query] = target.split(/(?=\?)/);
  return `${path.replace(/(?<!\/)\/+$/, "")}/verify-other-path${query.join("")}`;
}

function withChangedByte(request: TestRequest): TestRequest {
  const text = request.body.toString("latin1");
  const at = text.search(/[\da-z](?=[^\da-z]*$)/i);
  if (at < 0) throw new NotApplicable("needs a body with a letter or a digit");
  const next = text[at] === "9" ? "0" : /z/i.test(text[at]!) ? "a" : String.fromCharCode(text.charCodeAt(at) + 1);
  return { ...request, body: Buffer.from(text.slice(0, at) + next + text.slice(at + 1), "latin1") };
}
