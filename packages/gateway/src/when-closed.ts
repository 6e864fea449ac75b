import type { ServerResponse } from "node:http";

const closers = Symbol("closers");

interface ClosingResponse extends ServerResponse {
  [closers]?: (() => void)[];
}

/**
 * Calls a function when a response is closed, sent or not. Several parts of the gateway wait for that at each request: one listener of
 * Node's for all of them costs less than one for each.
 */
export function whenClosed(response: ServerResponse, closer: () => void): void {
  const closing: ClosingResponse = response;
  if (closing[closers] !== undefined) return void closing[closers].push(closer);
  closing[closers] = [closer];
  response.on("close", callClosers);
}

function callClosers(this: ClosingResponse): void {
  const all = this[closers] ?? [];
  this[closers] = [];
  for (const closer of all) closer();
}
