import { OnceAgainError } from "../core/errors.ts";
import { invalidOptionError } from "../core/options.ts";
import type { AddIntentRequest } from "../stores/intent-store.ts";
import { fingerprint } from "../key/fingerprint.ts";
import { makeKey, readCallerKey } from "../key/key.ts";
import { deriveSeedKey, type SeededOperation } from "../key/seed-key.ts";
import { sha256 } from "../key/sha256.ts";
import { refuseOneShot } from "../client/request-body.ts";
import type { IntentsSettings, RequestHeaders } from "./intents-options.ts";
import { isSecretHeader } from "../client/follow-redirects.ts";

/** A request to be sent, durably. */
export interface IntentInput {
  /** Absolute, without credentials. */
  readonly url: string | URL;
  /** Default POST. */
  readonly method?: string | undefined;
  /**
   * The headers that identify the operation: another value is another request. No secrets, and nothing that differs each
   * time, but for trace ids: those come from `headersAtSend`. An `Idempotency-Key` here is used instead of a new one, or of the seed's.
   */
  readonly headers?: RequestHeaders | undefined;
  /** Read once, and sent byte for byte the same each time. */
  readonly body?: string | ArrayBuffer | Uint8Array<ArrayBuffer> | Blob | FormData | URLSearchParams | null | undefined;
}

const idLengthMax = 255;

/** Headers that say who asked when, not what for: one request has others each time that it is made. */
const traceHeaders: ReadonlySet<string> = new Set([
  "baggage",
  "traceparent",
  "tracestate",
  "x-correlation-id",
  "x-request-id",
]);

/**
 * Makes the stored form of a request.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a malformed id, `ONCE_INTENT_SECRET`,
 *   `ONCE_BODY_NOT_REPLAYABLE`, `ONCE_BODY_TOO_LARGE`, `ONCE_KEY_INVALID`; TypeError, as `fetch` does, for an input that is no
 *   request.
 */
export async function readIntentInput(
  id: string,
  input: IntentInput,
  settings: IntentsSettings,
): Promise<Pick<AddIntentRequest, "id" | "key" | "fingerprint" | "request">> {
  checkId(id);
  const { method = "POST", headers, body } = input;
  refuseOneShot(body);
  // The platform checks it all, serialises the body and names its type.
  const template = new Request(input.url, {
    method,
    ...(headers === undefined ? undefined : { headers }),
    ...(body === undefined ? undefined : { body: refuseFactory(body) }),
  });
  const storedHeaders = new Headers(template.headers);
  const secret = [...storedHeaders.keys()].find((name) => settings.secretHeaders.has(name) || isSecretHeader(name));
  if (secret !== undefined) {
    throw new OnceAgainError(
      "ONCE_INTENT_SECRET",
      `The header ${secret} holds a secret, and an intent is written to disk. Supply it by headersAtSend.`,
      { details: { header: secret } },
    );
  }
  // Its media type counts already, and a form's boundary is drawn anew each time.
  const compared = [...storedHeaders].filter(([name]) => name !== "content-type" && !traceHeaders.has(name));
  const { origin, pathname, search } = new URL(template.url);
  const key = await nameIntent(storedHeaders, { origin, method: template.method, id }, settings);
  const bytes = template.body === null ? undefined : new Uint8Array(await template.arrayBuffer());
  const length = bytes?.byteLength ?? 0;
  if (length > settings.bodyBytesMax) {
    throw new OnceAgainError(
      "ONCE_BODY_TOO_LARGE",
      `The body has ${length} bytes, and bodyBytesMax allows ${settings.bodyBytesMax}. Nothing was stored or sent.`,
    );
  }
  const contentType = storedHeaders.get("content-type") ?? "";
  const bare = await fingerprint({
    method: template.method,
    path: origin + pathname,
    query: search,
    contentType,
    body: bytes ?? new Uint8Array(),
  });
  return {
    id,
    key,
    fingerprint: await sha256(JSON.stringify([bare, compared])),
    request: { method: template.method, url: template.url, headers: [...storedHeaders], body: bytes },
  };
}

/** PostgreSQL takes no NUL in a text, and no half of a surrogate pair. */
function checkId(id: string): void {
  const fits = typeof id === "string" && id !== "" && id.length <= idLengthMax;
  if (fits && id.isWellFormed() && !id.includes("\0")) return;
  throw invalidOptionError("id", `a text of 1 to ${idLengthMax} characters without NUL`, id);
}

function refuseFactory<Body>(body: Body): Body {
  if (typeof body !== "function") return body;
  throw new OnceAgainError(
    "ONCE_BODY_NOT_REPLAYABLE",
    "An intent's body has to be there as a whole: a function would be gone with this process. Nothing was stored.",
  );
}

/** The key that the headers bring, taken out of them; else one of the seed, or a new one. */
async function nameIntent(
  headers: Headers,
  operation: SeededOperation,
  { sending, seed, clock, random }: IntentsSettings,
): Promise<string> {
  const { keyHeader } = sending;
  const value = headers.get(keyHeader);
  if (value === null) return seed === undefined ? makeKey({ clock, random }) : deriveSeedKey(seed, operation);
  headers.delete(keyHeader);
  const parsed = readCallerKey(value);
  if (parsed.kind === "key") return parsed.key;
  throw new OnceAgainError("ONCE_KEY_INVALID", `The request's ${keyHeader} can't be used: ${parsed.problem}.`);
}
