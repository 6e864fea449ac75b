import type { Clock } from "../../../core/clock.ts";
import type { AttemptListener } from "../connection.ts";
import { AnswerError, readAnswer } from "./answer.ts";
import type { CredentialSource } from "./credentials.ts";
import type { Poster } from "./post.ts";
import { signatureDate, signer } from "./signature.ts";

/** A request on its way to be signed. */
export interface SentRequest {
  /** The operation, as DynamoDB names it in a header. */
  readonly target: string;
  readonly body: string;
  readonly signal: AbortSignal;
  readonly attempts: AttemptListener;
}

/** Where requests are sent, and what they are signed with. */
export interface SenderParts {
  readonly poster: Poster;
  /** The host, with its port, as the header says it. */
  readonly host: string;
  readonly region: string;
  readonly source: CredentialSource;
  readonly clock: Pick<Clock, "now">;
}

/**
 * Sends requests with a signature, and once more those that AWS refuses for their time or for the age of their credentials.
 *
 * @throws AnswerError for an answer that is an error, what the connection throws, and the signal's reason when it aborts.
 */
export function signedSender({ poster, host, region, source, clock }: SenderParts) {
  const authorize = signer({ region, service: "dynamodb" });
  /** How much later it is by AWS than by this host, milliseconds; 0 until AWS refuses a signature for its time. */
  let offsetMs = 0;

  return async ({ target, body, signal, attempts }: SentRequest): Promise<object> => {
    for (let isRepeated = false; ; isRepeated = true) {
      const signedAt = clock.now() + offsetMs;
      const credentials = await source.get(signedAt);
      const { sessionToken } = credentials;
      const date = signatureDate(signedAt);
      const headers = {
        "content-type": "application/x-amz-json-1.0",
        host,
        "x-amz-date": date,
        ...(sessionToken !== undefined && { "x-amz-security-token": sessionToken }),
        "x-amz-target": target,
      };
      const authorization = authorize({ headers, body, date }, credentials);
      // Its caller no longer waits: the credentials may have taken that long.
      signal.throwIfAborted();
      attempts.onSend();
      const answer = await poster.post({ ...headers, authorization }, body, signal);
      const output = readAnswer(answer);
      const error = output instanceof AnswerError ? output : undefined;
      // The time of a server between is not DynamoDB's.
      if (error?.isNamed !== false) attempts.onAnswer(answer.headers.date);
      if (error === undefined) return output;
      if (isRepeated) throw error;
      if (isSkewed(error, signedAt)) offsetMs = error.answeredAt! - clock.now();
      else if (!credentialEnds.has(error.name) || !source.drop(credentials)) throw error;
    }
  };
}

/** The errors of credentials that are over, or that were taken back before their end. */
const credentialEnds: ReadonlySet<string> = new Set(["ExpiredTokenException", "UnrecognizedClientException"]);

/** The errors of a signature that may have the wrong time, as the SDK has them. */
const skews: ReadonlySet<string> = new Set([
  "AccessDeniedException",
  "AuthFailure",
  "InvalidSignatureException",
  "RequestExpired",
  "RequestInTheFuture",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
]);

/** From this difference on the time of a signature is why it was refused, milliseconds: AWS takes 5 minutes, and the SDK 4. */
const skewMsMin = 240_000;

function isSkewed({ name, answeredAt = Number.NaN }: AnswerError, signedAt: number): boolean {
  return skews.has(name) && Math.abs(answeredAt - signedAt) >= skewMsMin;
}
