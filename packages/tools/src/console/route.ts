/** A request to the console, as a route sees it. */
export interface ConsoleRequest {
  readonly query: URLSearchParams;
  /** What a POST brought, parsed; undefined otherwise. */
  readonly body: unknown;
  /** Aborts when the page has gone. */
  readonly signal: AbortSignal;
}

/** One message of a live stream: `event` is its kind, `data` goes over as JSON. */
export interface LiveEvent {
  readonly event: string;
  readonly data: unknown;
}

/** One document, or events for as long as both sides want. A status is 200 unless it says otherwise. */
export type ConsoleResponse =
  | { readonly status?: number; readonly json: unknown }
  | { readonly events: AsyncIterable<LiveEvent> };

/** Answers one kind of request. */
export type Route = (request: ConsoleRequest) => ConsoleResponse | Promise<ConsoleResponse>;

/** A page of the console and what it asks for: routes by method and path below `/api/<name>/`, as "GET run". */
export interface Section {
  readonly name: "lab" | "storms" | "keys";
  readonly routes: Readonly<Record<string, Route>>;
  /** Ends what runs behind it. */
  close(): Promise<void>;
}

/** The answer to a request that can't be served as it stands: what is wrong, and what to do. */
export const refusal = (status: number, problem: string): ConsoleResponse => ({ status, json: { problem } });
