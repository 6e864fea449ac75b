import type { IncomingMessage, ServerResponse } from "node:http";
import type { Arrival } from "./forward-headers.ts";
import type { ScopeOf } from "./gateway-options.ts";
import type { PathVariables } from "./path-pattern.ts";
import type { RequestBody } from "./request-body.ts";
import type { RequestNotes } from "./request-record.ts";
import type { UpstreamRequest } from "./upstream.ts";

/** One request of a keyed route. */
export interface KeyedCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly arrival: Arrival;
  /** Missing where the request has none. */
  readonly body: RequestBody | undefined;
  /** The request to the upstream, without the headers that the operation adds. */
  readonly forwarded: UpstreamRequest;
  /** The values for the names of the route's path. */
  readonly variables: PathVariables;
  /** For its record. */
  readonly notes: RequestNotes;
  /** The result of the route's scope, or the error that it threw. */
  readonly asked: Awaited<ReturnType<ScopeOf>> | { readonly error: unknown };
}
