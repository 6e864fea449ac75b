import { errorText } from "../core/error-text.ts";
import { OnceAgainError } from "../core/errors.ts";
import { type ErrorCode, errorCodes } from "../core/error-codes.ts";
import { joinBytes } from "../core/bytes.ts";
import { invalidOptionError } from "../core/options.ts";
import { jsonProblem } from "./json-problem.ts";
import type { Codec } from "../engine/engine.ts";
import type { CheckedFunctionRules } from "./function-options.ts";

/** How a call ended, for its caller and for repeats. */
export type CallResult<Result> =
  | { readonly kind: "returned"; readonly value: Result }
  /** `error`: what the caller's call throws. */
  | { readonly kind: "threw"; readonly error: unknown };

/** A call's result, and its bytes where it is stored. */
export interface StoredCallResult<Result> {
  readonly callResult: CallResult<Result>;
  readonly bytes: Uint8Array;
}

/** The first line of what is stored. What follows is the result, or what `refusals` made of an error. */
type Head =
  | { readonly call: "returned" }
  | { readonly call: "refused" }
  /** It happened, and its result could not be stored. */
  | { readonly call: "unstored"; readonly code: ErrorCode; readonly message: unknown }
  /** A person has settled it: `once-again keys resolve` and the console write a response. Its body is the result. */
  | { readonly call?: undefined; readonly status: number };

const [encoder, decoder] = [new TextEncoder(), new TextDecoder("utf-8", { fatal: true })];
const newline = 0x0a;
const nothing = new Uint8Array();

/** The stored forms of a call's end. */
export type CallResultRules<Result> = Pick<
  CheckedFunctionRules<never, Result>,
  "codec" | "refusals" | "resultBytesMax"
>;

/** A result that is not stored. */
export function notStored<Result>(callResult: CallResult<Result>): StoredCallResult<Result> {
  return { callResult, bytes: nothing };
}

/** @throws OnceAgainError `ONCE_RESULT_UNFIT`, `ONCE_RESULT_TOO_LARGE` for a result that can't be stored. */
export function returnedResult<Result>(value: Result, rules: CallResultRules<Result>): StoredCallResult<Result> {
  let content: Uint8Array;
  let decoded: Result;
  try {
    content = rules.codec === undefined ? encodeJson(value) : rules.codec.encode(value);
    // Anything but bytes, such as the text of JSON.stringify, would be stored as zeros.
    if (!(content instanceof Uint8Array)) throw new TypeError("codec.encode returned no Uint8Array");
    decoded = decodeResult(content, rules);
  } catch (cause) {
    throw resultUnfitError(cause);
  }
  if (content.length > rules.resultBytesMax) throw resultTooLargeError(rules.resultBytesMax);
  return { callResult: { kind: "returned", value: decoded }, bytes: withHead({ call: "returned" }, content) };
}

/** An error that is the function's last word. `undefined`: it is not. */
export function refusedResult<Result>(
  error: unknown,
  rules: CallResultRules<Result>,
): StoredCallResult<Result> | undefined {
  const stored = rules.refusals?.encode(error);
  if (stored === undefined) return undefined;
  const content = encodeJson(stored);
  if (content.length > rules.resultBytesMax) throw resultTooLargeError(rules.resultBytesMax);
  return { callResult: { kind: "threw", error }, bytes: withHead({ call: "refused" }, content) };
}

/** A call that happened, and that has no result for its caller or for repeats. */
export function happenedWithoutResult<Result>(error: OnceAgainError): StoredCallResult<Result> {
  const { code, message } = error;
  return { callResult: { kind: "threw", error }, bytes: withHead({ call: "unstored", code, message }, nothing) };
}

/** How the results of calls are stored. */
export function callResultCodec<Result>(rules: CallResultRules<Result>): Codec<StoredCallResult<Result>> {
  return {
    encode: ({ bytes }) => bytes,
    decode: (bytes) => ({ callResult: decodeCallResult(bytes, rules), bytes }),
  };
}

/** @throws for what is no result of a call: `decodeResult` of the engine names the record. */
function decodeCallResult<Result>(bytes: Uint8Array, rules: CallResultRules<Result>): CallResult<Result> {
  const headEnd = bytes.indexOf(newline);
  const head = JSON.parse(decoder.decode(bytes.subarray(0, Math.max(0, headEnd)))) as Head | null;
  const content = bytes.subarray(headEnd + 1);
  if (head?.call === "returned" || (head?.call === undefined && isSuccess(head?.status)))
    return { kind: "returned", value: decodeResult(content, rules) };
  if (head?.call === "refused") return { kind: "threw", error: decodeRefusal(content, rules) };
  if (head?.call === "unstored" && isOwn(head.code)) {
    return { kind: "threw", error: new OnceAgainError(head.code, String(head.message)) };
  }
  throw new TypeError("it is not how a call of this function ended");
}

const isOwn = (code: unknown): code is ErrorCode => typeof code === "string" && Object.hasOwn(errorCodes, code);

const isSuccess = (status: unknown): boolean => typeof status === "number" && status >= 200 && status <= 299;

function decodeRefusal<Result>(content: Uint8Array, { refusals }: CallResultRules<Result>): unknown {
  if (refusals === undefined) throw new TypeError("An error is stored, and this function has no option refusals.");
  const error = refusals.decode(decodeJson(content));
  if (!(error instanceof Promise)) return error;
  throw invalidOptionError("refusals.decode", "a function that returns an error, at once", error);
}

function decodeResult<Result>(content: Uint8Array, { codec }: CallResultRules<Result>): Result {
  return codec === undefined ? (decodeJson(content) as Result) : codec.decode(content);
}

/** A function that returns nothing has an empty result: JSON has no `undefined`. */
function encodeJson(value: unknown): Uint8Array {
  if (value === undefined) return nothing;
  const problem = jsonProblem(value, "result");
  if (problem !== undefined) throw new TypeError(`${problem}, which JSON can't keep`);
  return encoder.encode(JSON.stringify(value));
}

function decodeJson(content: Uint8Array): unknown {
  return content.length === 0 ? undefined : JSON.parse(decoder.decode(content));
}

function withHead(head: Head, content: Uint8Array): Uint8Array {
  return joinBytes([encoder.encode(`${JSON.stringify(head)}\n`), content]);
}

function resultUnfitError(cause: unknown): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RESULT_UNFIT",
    `The result of this call can't be stored: ${errorText(cause)}. Return plain data, or give the option codec.`,
    { cause },
  );
}

function resultTooLargeError(bytesMax: number): OnceAgainError {
  return new OnceAgainError(
    "ONCE_RESULT_TOO_LARGE",
    `The result of this call is larger than the ${bytesMax} bytes that are stored. Return where it is found, or raise resultBytesMax.`,
  );
}
