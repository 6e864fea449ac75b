import { isIdempotentMethod } from "../delivery/index.ts";
import type { FetchSettings } from "./fetch-options.ts";
import { RedirectError } from "./follow-redirects.ts";
import { learnPlace } from "./key-rule.ts";
import type { ResponseHead } from "./retry-rule.ts";

/** Whether one call's request may be sent again after an attempt that may have arrived. */
export interface Repeats {
  /** It may become `true` by a response, and `false` by a redirect. */
  readonly areSafe: boolean;
  /** The origin that is not known to honour keys, where that is why they are not safe. */
  readonly unknownOrigin: string | undefined;
  /** Learns from the response to one of the call's requests. */
  learn(head: ResponseHead): void;
  /**
   * A redirect leads one sending to another place, to which its key goes, too.
   *
   * @param url `undefined`: it can't be seen where.
   * @throws RedirectError when another sending of this call was led to the same place, which is not known to honour keys.
   */
  enter(method: string, url: URL | undefined, sending: object): void;
}

/** Sending it twice means the same as once. */
export const safeRepeats: Repeats = constant(true);
/** Sending it twice may be a second effect. */
export const unsafeRepeats: Repeats = constant(false);

function constant(areSafe: boolean): Repeats {
  return { areSafe, unknownOrigin: undefined, learn() {}, enter() {} };
}

/** A request, as far as it decides whether it may be repeated. */
interface RepeatedRequest {
  readonly method: string;
  readonly key: string | undefined;
  readonly origin: string;
  /** Origin and path. */
  readonly url: string;
  /** What the caller says; `undefined`: nothing. */
  readonly repeatable?: boolean | undefined;
}

/**
 * Repeats are safe with an idempotent method, where the caller says so, and with a key at a server that is known to honour
 * it: one that the user has named, or one that has said so itself.
 *
 * @throws what the user's own function `keys` throws.
 */
export function repeatsOf(
  request: RepeatedRequest,
  { keyHeader, keys }: Pick<FetchSettings, "keyHeader" | "keys">,
): Repeats {
  const { key, method, origin, url, repeatable = isIdempotentMethod(method) } = request;
  if (repeatable) return safeRepeats;
  if (key === undefined || request.repeatable === false) return unsafeRepeats;
  const first = `${method} ${url}`;
  /** The places that the user has not named, each with the sending that was led there. */
  const unnamed = new Map<string, { readonly origin: string; readonly sending?: object }>();
  if (!keys.isNamed(origin, url)) unnamed.set(first, { origin });
  const unknown = (): string | undefined => {
    for (const [place, { origin }] of unnamed) if (!keys.learned.has(place)) return origin;
    return undefined;
  };
  return {
    get areSafe() {
      return unknown() === undefined;
    },
    get unknownOrigin() {
      return unknown();
    },
    learn(head) {
      if (unnamed.has(first)) learnPlace(keys, first, head, keyHeader);
    },
    enter(method, target, sending) {
      const { origin, pathname } = target ?? { origin: "", pathname: "" };
      const url = origin + pathname;
      if (isIdempotentMethod(method) || keys.isNamed(origin, url)) return;
      const place = `${method} ${url}`;
      const before = unnamed.get(place)?.sending;
      if (before !== undefined && before !== sending && !keys.learned.has(place)) {
        throw new RedirectError(
          `Another attempt was redirected to ${url || "the same place"}, which is not known to honour keys.`,
        );
      }
      unnamed.set(place, { origin, sending });
    },
  };
}
