/** A request to the console, as a route sees it. */
export interface ConsoleRequest {
  readonly query: URLSearchParams;
  /** The JSON body of a POST; undefined without one. */
  readonly body: unknown;
  /** Whether who asks could also change something: has the token. */
  readonly mayChange: boolean;
  /** Aborts when the page has gone. */
  readonly signal: AbortSignal;
}

/** One message of a live stream: `event` is its kind, `data` goes over as JSON. */
export interface LiveEvent {
  readonly event: string;
  readonly data: unknown;
}

/** One document, with status 200 by default; a stream of events; or none: the connection is closed in its place. */
export type ConsoleResponse =
  | { readonly status?: number; readonly json: unknown }
  | { readonly events: AsyncIterable<LiveEvent> }
  | { readonly connection: "cut" };

/** Answers one kind of request. */
export type Route = (request: ConsoleRequest) => ConsoleResponse | Promise<ConsoleResponse>;

/** A page of the console and what it asks for: routes by method and path below `/api/<name>/`, as "GET run". */
export interface Section {
  readonly name: "lab" | "storms" | "keys" | "messages" | "gateways";
  readonly routes: Readonly<Record<string, Route>>;
  /** Stops what runs for it. */
  close(): Promise<void>;
}

/** A response that says why a request can't be served, and what to do. */
export const refusal = (status: number, problem: string): ConsoleResponse => ({ status, json: { problem } });
