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

/** The error of a call by what an adapter is not for: its framework has an adapter, or none is needed. */
export function wrongPlaceError(adapter: string, needs: string): OnceAgainError {
  return new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `${adapter} was called without ${needs}. See which adapter your framework takes: docs/guides/frameworks.md. ` +
      "Nothing happened.",
  );
}

/**
 * Refuses a call of the wrong framework, in the way in which that one takes an error. A throw or a rejection would end a process
 * that catches none: Node's server and those that call middleware as Express does.
 *
 * @param args all arguments of the call.
 * @throws the error, where the caller gave neither a `next` nor a response of Node's.
 */
export function refuseCall(error: OnceAgainError, args: readonly unknown[], onError: (error: unknown) => void): void {
  const [, response, next] = args;
  if (typeof next === "function") return void (next as (error: unknown) => unknown)(error);
  if (!isNodeResponse(response)) throw error;
  onError(error);
  if (!response.headersSent) response.statusCode = 500;
  response.end();
}

interface NodeResponse {
  statusCode: number;
  readonly headersSent: boolean;
  end(): unknown;
}

function isNodeResponse(response: unknown): response is NodeResponse {
  const { end, setHeader, statusCode } = (response ?? {}) as Record<string, unknown>;
  return typeof end === "function" && typeof setHeader === "function" && typeof statusCode === "number";
}
