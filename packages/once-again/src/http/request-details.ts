import type { FingerprintedRequest } from "../key/fingerprint.ts";
import type { OperationDetails } from "../core/operation-details.ts";
import { builtinModule } from "../core/builtin-module.ts";
import { invalidOptionError } from "../core/options.ts";

/**
 * Says in words what a request asks for: a text, at once, or `undefined` where there is nothing to say.
 *
 * @example
 * ```ts
 * const label: Label<Request> = ({ body }) => {
 *   const { item, amount } = JSON.parse(new TextDecoder().decode(body)) as { item: string; amount: string };
 *   return `${item}, ${amount} EUR`;
 * };
 * ```
 */
export type Label<Request> = (request: FingerprintedRequest, native: Request) => string | undefined;

/** The parts of a request that only its framework has. */
interface FrameworkRequest<Request> {
  readonly native: Request;
  headerValues(lowerCaseName: string): readonly string[];
}

/** The details of an operation, by its request. */
export type DescribeRequest<Request> = (
  request: FrameworkRequest<Request>,
  read: FingerprintedRequest,
) => Omit<OperationDetails, "reason">;

/** W3C Trace Context: version, trace, parent. */
const traceparent = /^[\da-f]{2}-(?!0{32})([\da-f]{32})-[\da-f]{16}-/;

/**
 * Describes requests for people.
 *
 * @param onError gets what a label throws, and a label that is no text. Its request has none then.
 */
export function requestDetails<Request>(
  label: Label<Request> | undefined,
  onError: (error: unknown) => void,
): DescribeRequest<Request> {
  const worker = workerName();
  const labelOf = (read: FingerprintedRequest, native: Request): string | undefined => {
    try {
      const text: unknown = label?.(read, native);
      if (text === undefined || typeof text === "string") return text;
      throw invalidOptionError("label", "a function that returns a text or undefined, at once", text);
    } catch (error) {
      onError(error);
      return undefined;
    }
  };
  return (request, read) => ({
    label: labelOf(read, request.native),
    route: `${read.method} ${read.path}`,
    worker,
    traceId: traceparent.exec(request.headerValues("traceparent")[0] ?? "")?.[1],
  });
}

/** Host and process; `undefined` on a platform that has neither. */
function workerName(): string | undefined {
  const process = globalThis.process as Partial<typeof globalThis.process> | undefined;
  const host = builtinModule("node:os")?.hostname?.();
  return host === undefined || process?.pid === undefined ? undefined : `${host}/${process.pid}`;
}
