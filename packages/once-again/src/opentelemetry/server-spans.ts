import type { Listener } from "../core/listener.ts";
import type { ServerEvent } from "../engine/index.ts";
import type { RequestFacts, StoreOperation } from "../engine/server-event.ts";
import { sha256 } from "../key/sha256.ts";
import type { ActiveTraceApi, Attributes, RecordingSpan } from "./api.ts";
import { errorType } from "./http-attributes.ts";

/**
 * Describes the outcome of operations on the span in which each request came. That span is looked up once, when the request
 * comes: a lease and a time-out end in timers that are shared by all requests, where the active span is another one.
 */
export function serverSpans(trace: ActiveTraceApi): Listener<ServerEvent> {
  // A WeakMap with an entry for each request costs the collector of garbage more than all the rest of this.
  const spanOfCall = Symbol("span");
  const readSpan = ({ call }: RequestFacts): RecordingSpan | undefined =>
    call && (Reflect.get(call, spanOfCall) as RecordingSpan | undefined);

  const endOperation = (event: ServerEvent & RequestFacts, error?: Attributes): void => {
    const span = readSpan(event);
    // It may have ended: its caller hung up.
    if (span?.isRecording() !== true) return;
    span.setAttributes(describe(event.type, event));
    span.addEvent("operation ended", error);
  };

  return (event) => {
    switch (event.type) {
      case "received": {
        const span = trace.getActiveSpan();
        if (event.call !== undefined && span?.isRecording() === true) {
          (event.call as { [spanOfCall]?: RecordingSpan })[spanOfCall] = span;
        }
        return;
      }
      case "store-answered":
        return;
      case "store-failed": {
        // Those of a request's own course; the others are called by timers.
        const span = ofRequest.has(event.operation) ? trace.getActiveSpan() : undefined;
        if (event.key === undefined || span?.isRecording() !== true) return;
        const failure = {
          "once_again.store.operation": event.operation,
          "error.type": errorType(undefined, event.error),
        };
        span.setAttributes(describe(event.type, event));
        span.addEvent("store failed", failure);
        return;
      }
      case "lease-lost":
        readSpan(event)?.addEvent("lease lost");
        return;
      case "handler-failed":
        endOperation(event, { "error.type": errorType(undefined, event.error) });
        return;
      default:
        endOperation(event);
    }
  };
}

const ofRequest: ReadonlySet<StoreOperation> = new Set(["claim", "inspect", "complete", "release", "transact"]);

/** A key's hash in telemetry: 64 bits distinguish more keys than anybody stores. */
const hashDigits = 16;

function describe(
  outcome: ServerEvent["type"],
  { key, attempt }: { readonly key: string | undefined; readonly attempt?: number | undefined },
): Attributes {
  const attributes: Attributes = { "once_again.outcome": outcome };
  if (attempt !== undefined) attributes["once_again.attempt"] = attempt;
  // A platform without a hash that answers at once has none here.
  const hash = key === undefined ? undefined : sha256(key);
  if (typeof hash === "string") attributes["once_again.key.hash"] = hash.slice(0, hashDigits);
  return attributes;
}
