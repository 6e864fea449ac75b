import { OnceAgainError } from "once-again";
import { checkChoice, checkNumber, invalidOptionError } from "once-again/internal";
import { restartServer } from "./restart-server.ts";
import { findHeader, type HeaderList } from "./test-request.ts";
import { type ProfileName, profileNames } from "./profile-name.ts";
import { idHeader, readSecret } from "./webhook-signature.ts";
import type { Strictness } from "./verdict.ts";

/** Where the number of effects can be read. */
export interface EffectsPage {
  /** Answers a GET with a number, or with JSON. Sent the first principal's headers if it is of the same origin. */
  readonly url: string;
  /** Where in the JSON: `orders`, `data.total`, `items[0].count`. A list stands for its length. */
  readonly path?: string;
}

/** The server to test, and how. */
export interface VerifyOptions {
  /** The operation under test, `http:` or `https:`. `{{unique}}` in it is a new text for each operation. */
  readonly url: string;
  /** Default POST. */
  readonly method?: string;
  /** Sent with every request: the first principal's credentials, `Content-Type`. */
  readonly headers?: HeaderList;
  /**
   * The body of an operation that succeeds; default `{"reference":"{{unique}}"}`, as JSON, and an event of such data for webhooks. `{{unique}}` is a new text for
   * each operation, and the same for its repeats.
   */
  readonly body?: string;
  /** Another body that succeeds, for the same key. Not needed where `body` has `{{unique}}`. */
  readonly otherBody?: string;
  /** A body that the operation refuses with 4xx; default, for JSON, one that is no JSON. */
  readonly refusedBody?: string;
  /** A body at which the operation fails with 5xx. Without it the case that needs it is not applicable. */
  readonly failingBody?: string;
  /** A second principal's credentials, in place of the first's. Without them the cases of scope are not applicable. */
  readonly otherHeaders?: HeaderList;
  /** The first principal's credentials after they were renewed. Without them the case of a renewed token is not applicable. */
  readonly renewedHeaders?: HeaderList;
  /**
   * Credentials of a principal that is named like the first one with something behind it: `acme1` where the first is `acme`. A
   * header must begin with the value of the first's. Without them the case of names and keys that are joined is not applicable.
   */
  readonly longerHeaders?: HeaderList;
  /** Another operation of the server, that takes the same body. Without it the case of another path is not applicable. */
  readonly otherUrl?: string;
  /** The key's header; default `Idempotency-Key`. That of webhooks is `webhook-id`. */
  readonly keyHeader?: string;
  /** Where to count effects, so that duplicates are proven. Without it they are guessed from the answers. */
  readonly effects?: EffectsPage | (() => Promise<number>);
  /** Where in an answer's JSON the effect is named, for guessing: `id`, `data.order.id`. Default: the whole body. */
  readonly effectId?: string;
  /**
   * `"practice"` (default) takes what widely used APIs do: keys without quotes, optional keys, 409 or 400 for a key that
   * was used before. `"draft"` takes each SHOULD of the draft as a MUST. What doubles or mixes up operations fails both.
   */
  readonly strictness?: Strictness;
  /**
   * The rules for the server: `"draft"` (default) is the draft and the field's practice; `"acp"` the Agentic Commerce
   * Protocol; `"ucp"` the Universal Commerce Protocol; `"stripe"` the manner of Stripe's API; `"webhooks"` Standard Webhooks, for a receiver, and needs `secret`.
   */
  readonly profile?: ProfileName;
  /** Of webhooks: the secret with which deliveries are signed, `whsec_` and base64. It is in no report. */
  readonly secret?: string;
  /** Ids of cases, or letters of groups: `["R01", "C"]`. Default: all. */
  readonly only?: readonly string[];
  /** How long to wait for one answer, and for an operation in progress to end, milliseconds, 100 to 600,000; default 10,000. */
  readonly timeoutMs?: number;
  /** How long a key must be remembered at the very least (R12), milliseconds, 0 to 600,000; default 2,000. */
  readonly pauseMs?: number;
  /**
   * How many other operations must not make the server forget a key (R19), 0 to 100,000. Default: 200 where an operation takes 20 ms
   * or less; else that case is not applicable.
   */
  readonly memory?: number;
  /**
   * Kills the server, waits until it is dead, and starts it again: a command for the shell, which ends with 0, or a function. Without it the case of a restart
   * (R18) is not applicable. After it the server has `timeoutMs` to accept connections.
   */
  readonly restart?: string | (() => Promise<void>);
  /** Ends the run; `verify` rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Called with the number of cases that are done. */
  readonly onProgress?: (done: number, total: number) => void;
}

type Optional =
  | "otherBody"
  | "failingBody"
  | "otherHeaders"
  | "renewedHeaders"
  | "longerHeaders"
  | "memory"
  | "otherUrl"
  | "effects"
  | "effectId"
  | "only"
  | "restart"
  | "secret";

/** The options, checked, with defaults filled in. */
export type Target = Readonly<
  Required<Omit<VerifyOptions, "url" | Optional>> & {
    [Name in Exclude<Optional, "secret" | "restart">]: VerifyOptions[Name] | undefined;
  } & {
    secret: Buffer | undefined;
    /** Has the server killed and started again, and waits for it. */
    restart: (() => Promise<void>) | undefined;
    /** With `{{unique}}` in it, if it was there. */
    urlTemplate: string;
  }
>;

const token = /^[!#$%&'*+.^_`|~\w-]+$/;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
export function checkTarget(options: VerifyOptions): Target {
  const {
    url,
    otherBody,
    failingBody,
    otherHeaders,
    renewedHeaders,
    longerHeaders,
    otherUrl,
    effects,
    effectId,
    only,
  } = options;
  checkUrl("url", url);
  if (otherUrl !== undefined) checkOtherUrl(url, otherUrl);
  if (typeof effects === "object") checkUrl("effects.url", effects.url);
  const profile = checkChoice("profile", options.profile ?? "draft", profileNames);
  const isWebhooks = profile === "webhooks";
  const secret = checkSecret(isWebhooks, options.secret);
  const keyHeader = checkToken("keyHeader", options.keyHeader ?? (isWebhooks ? idHeader : "Idempotency-Key"));
  if (isWebhooks && keyHeader.toLowerCase() !== idHeader) throw invalidOptionError("keyHeader", idHeader, keyHeader);
  const body = options.body ?? (isWebhooks ? defaultEvent() : '{"reference":"{{unique}}"}');
  const headers = checkHeaders("headers", options.headers ?? []);
  const isTyped = headers.some(([name]) => name.toLowerCase() === "content-type");
  const reach = {
    urlTemplate: url,
    timeoutMs: checkNumber("timeoutMs", options.timeoutMs ?? 10_000, { min: 100, max: 600_000 }),
    signal: options.signal ?? new AbortController().signal,
  };
  const restart = checkRestart(options.restart);
  return Object.freeze({
    ...reach,
    method: checkToken("method", options.method ?? "POST").toUpperCase(),
    headers: isTyped ? headers : [...headers, ["Content-Type", guessContentType(body)] as const],
    body,
    otherBody,
    refusedBody: options.refusedBody ?? '{"reference":',
    failingBody,
    otherHeaders: otherHeaders && checkHeaders("otherHeaders", otherHeaders),
    renewedHeaders: renewedHeaders && checkHeaders("renewedHeaders", renewedHeaders),
    longerHeaders: longerHeaders && checkLonger(headers, checkHeaders("longerHeaders", longerHeaders)),
    otherUrl,
    profile,
    secret,
    keyHeader,
    effects,
    effectId,
    strictness: checkChoice("strictness", options.strictness ?? "practice", ["draft", "practice"]),
    only,
    memory: options.memory && checkNumber("memory", options.memory, { min: 0, max: 100_000 }),
    restart: restart === undefined ? undefined : () => restartServer(restart, reach),
    pauseMs: checkNumber("pauseMs", options.pauseMs ?? 2000, { min: 0, max: 600_000 }),
    onProgress: options.onProgress ?? (() => undefined),
  });
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
function checkRestart(restart: VerifyOptions["restart"]): VerifyOptions["restart"] {
  if (restart === undefined || typeof restart === "function") return restart;
  if (typeof restart === "string" && restart.trim() !== "") return restart;
  throw invalidOptionError("restart", "a command for the shell, or a function", restart);
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
function checkSecret(isWebhooks: boolean, secret: string | undefined): Buffer | undefined {
  if (isWebhooks) return readSecret(secret ?? "");
  if (secret !== undefined) throw invalidOptionError("secret", 'left out without profile "webhooks"', "given");
  return undefined;
}

/** An event as Standard Webhooks has it. */
const defaultEvent = (): string =>
  JSON.stringify({ type: "verify.tested", timestamp: new Date().toISOString(), data: { reference: "{{unique}}" } });

/** A plain text that is no JSON would be refused as JSON. */
function guessContentType(body: string): string {
  return /^\s*[{[]/.test(body) ? "application/json" : "text/plain; charset=utf-8";
}

function checkUrl(name: string, url: string): void {
  const { protocol, username, password } = URL.canParse(url)
    ? new URL(url)
    : { protocol: "", username: "", password: "" };
  // It stands in reports, so it must not hold a secret; nor does it in this message.
  if (username + password !== "") throw invalidOptionError(name, "a URL without user and password", "one with them");
  if (protocol !== "http:" && protocol !== "https:") throw invalidOptionError(name, "an http: or https: URL", url);
}

function checkOtherUrl(url: string, otherUrl: string): void {
  checkUrl("otherUrl", otherUrl);
  const [one, other] = [new URL(url), new URL(otherUrl)];
  if (one.origin === other.origin && one.pathname !== other.pathname) return;
  throw invalidOptionError("otherUrl", "a URL of the same server with another path", otherUrl);
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
function checkLonger(headers: HeaderList, longer: HeaderList): HeaderList {
  if (longer.every((header) => nameEnd(headers, header) !== undefined)) return longer;
  throw new OnceAgainError(
    "ONCE_OPTION_INVALID",
    "longerHeaders: each must begin with the first principal's value of that header, and have more behind it.",
    { details: { option: "longerHeaders" } },
  );
}

/** The part of a header's value that is behind the first principal's value; `undefined` when it does not begin with that. */
export function nameEnd(headers: HeaderList, [name, value]: HeaderList[number]): string | undefined {
  const first = findHeader({ headers }, name);
  return first !== undefined && value.startsWith(first) && value !== first ? value.slice(first.length) : undefined;
}

function checkToken(name: string, value: string): string {
  if (token.test(value)) return value;
  throw invalidOptionError(name, "a token (RFC 9110, section 5.6.2)", value);
}

function checkHeaders(name: string, headers: HeaderList): HeaderList {
  // A value can be a secret, so the message leaves it out.
  const broken = headers.find(([header, value]) => !token.test(header) || /[^\t\x20-\x7e\x80-\xff]/.test(value));
  if (broken === undefined) return headers;
  throw new OnceAgainError("ONCE_OPTION_INVALID", `${name}: ${broken[0]} can't be sent as an HTTP header.`, {
    details: { option: name },
  });
}
