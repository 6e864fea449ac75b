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
  /** What the upstream is asked, but for what the operation adds. */
  readonly forwarded: UpstreamRequest;
  /** What stands in the place of the names of the route's path. */
  readonly variables: PathVariables;
  /** For its record. */
  readonly notes: RequestNotes;
  /** What the route's scope said. */
  readonly asked: ReturnType<ScopeOf>;
}
