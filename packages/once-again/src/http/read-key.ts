import { OnceAgainError } from "../core/errors.ts";
import { nameProblem } from "../key/key.ts";
import { keyHeaderName, keyTime, parseKey } from "../key/index.ts";
import type { IdentifiedRequest, Identify, ReceivedRequest } from "./message-route.ts";
import type { ProblemCode } from "./responses.ts";
import type { Route } from "./route.ts";

/** A request that its key, or its message, keeps from going on. */
interface Refused {
  readonly kind: "refused";
  readonly code: ProblemCode;
  readonly detail: string;
}

/** The reading of a request's key header. */
export type ReadKey =
  /** `isOld`: it was made longer ago than results are stored, so its result may have been there and be gone. */
  { readonly kind: "key"; readonly key: string; readonly isOld: boolean } | { readonly kind: "no-key" } | Refused;

/** Reads the key of a request from its header. */
export function readKey(
  { rules, options }: Pick<Route<never, never>, "rules" | "options">,
  request: { headerValues(lowerCaseName: string): readonly string[] },
): ReadKey {
  const { keyHeader } = rules;
  const parsed = parseKey(request.headerValues(keyHeader.toLowerCase()));
  if (parsed.kind === "malformed") return invalidKey(`The ${keyHeader} header can't be read: ${parsed.problem}.`);
  if (parsed.kind === "missing") {
    if (keyHeader.toLowerCase() !== usualHeader && request.headerValues(usualHeader).length > 0) {
      return invalidKey(`This operation takes its key in the header ${keyHeader}, not in ${keyHeaderName}.`);
    }
    if (!rules.keyRequired) return { kind: "no-key" };
    const article = /^[aeiou]/i.test(keyHeader) ? "an" : "a";
    return invalidKey(`This operation needs ${article} ${keyHeader} header: one new key for each operation.`);
  }
  const madeAt = rules.expiredKeys === "refuse" ? keyTime(parsed.key) : undefined;
  const isOld = madeAt !== undefined && madeAt + options.retentionMs < options.clock.now();
  return { kind: "key", key: parsed.key, isOld };
}

const invalidKey = (detail: string): Refused => ({ kind: "refused", code: "ONCE_KEY_INVALID", detail });

const usualHeader = keyHeaderName.toLowerCase();

/** A request without its body, which is read apart. */
interface MessageHead extends Omit<ReceivedRequest, "body" | "header"> {
  headerValues(lowerCaseName: string): readonly string[];
}

/** The operation that a message names, as its route's own rule says. A rule that fails has not believed the message. */
export async function identifyMessage(
  { identify, onError }: { identify: Identify | undefined; onError: (error: unknown) => void },
  request: MessageHead,
  body: Uint8Array<ArrayBuffer>,
): Promise<({ readonly kind: "message" } & IdentifiedRequest) | Refused> {
  const { method, path, query, contentType } = request;
  const header = (name: string): string | undefined => {
    const values = request.headerValues(name.toLowerCase());
    return values.length === 1 ? values[0] : undefined;
  };
  let identified: IdentifiedRequest | undefined;
  try {
    identified = await identify?.({ method, path, query, contentType, body, header });
  } catch (error) {
    // A forged message is no news. A fault of the rule itself would not be seen otherwise.
    if (isFault(error)) onError(error);
  }
  if (identified === undefined) {
    return { kind: "refused", code: "ONCE_SIGNATURE_INVALID", detail: notBelieved };
  }
  const { key, event } = identified;
  const problem = nameProblem(key);
  if (problem === undefined) return { kind: "message", key, event };
  return invalidKey(`The id of this message is ${problem}.`);
}

function isFault(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || OnceAgainError.isInstance(error);
}

const notBelieved =
  "This message is not signed by its sender, was changed on its way, or is older than is allowed. Nothing happened.";
