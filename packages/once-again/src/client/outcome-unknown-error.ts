import { OnceAgainError } from "../core/errors.ts";

/** What is known of a call that gave up. */
interface OutcomeUnknownDetails {
  attempts: number;
  key: string | undefined;
  /** The status of the last response; `undefined` when there was none. */
  status: number | undefined;
  /** From when the server asked to be asked again, since the epoch, in milliseconds; missing when it did not. */
  retryAt?: number;
}

/**
 * The error of a call that gave up while the operation may have been executed. `cause` is why it gave up: the attempt's
 * error, or the error of the limit that was reached; `undefined` when the last attempt had a response.
 *
 * @param unknownOrigin the origin that is not known to honour keys, where the request is not sent again for that reason.
 */
export function outcomeUnknownError(
  details: OutcomeUnknownDetails,
  cause: unknown,
  unknownOrigin: string | undefined,
): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OUTCOME_UNKNOWN",
    `The request may or may not have been executed. ${advise(details.key, unknownOrigin)}`,
    { cause, details: { ...details } },
  );
}

function advise(key: string | undefined, unknownOrigin: string | undefined): string {
  const lookUp = "Look the effect up before you send the request again.";
  if (unknownOrigin !== undefined) {
    const [server, keys] = unknownOrigin === "" ? ["Its server", "true"] : [unknownOrigin, `["${unknownOrigin}"]`];
    return `${server} is not known to honour keys, so it was not sent again. ${lookUp} If it does, add \`keys: ${keys}\` to the options.`;
  }
  return key === undefined ? lookUp : "Send it again with the same key (details.key) and body to learn its outcome.";
}
