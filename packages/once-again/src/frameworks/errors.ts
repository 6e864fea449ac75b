import { OnceAgainError } from "../core/errors.ts";
import { NoEffectError } from "../engine/index.ts";

/** A transaction that met a conflict would run again, but a framework runs no handler twice: the caller has to come again. */
export function conflictError(): NoEffectError {
  return new NoEffectError("The operation met another one and was rolled back. Nothing happened.");
}

export function bodyTooLargeError(bytesMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_BODY_TOO_LARGE",
    `The request's body is larger than the ${bytesMax} bytes allowed here.`,
  );
}

export function resultTooLargeError(bytesMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RESULT_TOO_LARGE",
    `The response is larger than the ${bytesMax} bytes that are stored here. Raise limits.resultBytesMax, or respond with a link.`,
  );
}

export function bodyConsumedError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_BODY_CONSUMED",
    "The request's body was parsed before it could be fingerprinted. Put once-again in front of the parser, or let it " +
      "keep the bytes as request.rawBody.",
  );
}

export function mountedTwiceError(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_MOUNTED_TWICE",
    "This request passes once-again twice. Mount it in one place: on the route, or in front of all routes.",
  );
}

/** Refuses arguments beside a middleware's options: a handler there would never be called, without an error. */
export function refuseHandler(name: string, others: readonly unknown[], usage: string): void {
  if (others.length === 0) return;
  throw new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `${name} takes its options alone. Put the handler behind it: ${usage}.`,
    {
      details: { option: "handler" },
    },
  );
}
