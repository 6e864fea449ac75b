import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** What a response shows of itself, which is not to be seen while it is taken over. */
export interface ResponseState {
  readonly isHttp2: boolean;
  socket: Socket | null;
  /** Whether the caller left before the response was taken over. */
  hungUp: boolean;
  /** Node's own: what it sends in front of the body, once that is known. */
  readonly header: string | null;
}

/** Node's own fields, of which its getters `headersSent` and `closed` are made. */
const [headerField, closedField] = ["_header", "_closed"] as const;

interface ResponseFields {
  [headerField]: string | null;
  [closedField]: boolean;
  finished: boolean;
  socket: Socket | null;
  destroyed: boolean;
}

/** What a response of HTTP/2 computes each time: an own property in front of each is what it shows instead. */
const computed = ["headersSent", "finished", "writableEnded", "socket"] as const;

export function readState(response: ServerResponse, request: IncomingMessage): ResponseState {
  const isHttp2 = request.httpVersionMajor >= 2;
  const header = isHttp2 ? null : fieldsOf(response)[headerField];
  return { isHttp2, socket: isHttp2 ? null : response.socket, hungUp: false, header };
}

/** Shows a response to which nothing was written. */
export function showUnwritten(response: ServerResponse, state: ResponseState): void {
  if (state.isHttp2) {
    for (const name of computed) show(response, name, false);
  } else {
    fieldsOf(response).finished = false;
    fieldsOf(response)[headerField] = state.header;
  }
}

/** Shows a connection that is open. Frameworks look at all of this, and have no answer for a caller who left. */
export function hideHangUp(response: ServerResponse, state: ResponseState): void {
  if (state.isHttp2) return show(response, "socket", null);
  const fields = fieldsOf(response);
  state.hungUp ||= fields.destroyed;
  // A finished response has no socket either.
  fields.socket = null;
  fields.destroyed = false;
  if (state.hungUp) fields[closedField] = false;
}

/** Shows a response whose headers were sent. */
export function showHead(response: ServerResponse, { isHttp2 }: ResponseState): void {
  if (isHttp2) show(response, "headersSent", true);
  else fieldsOf(response)[headerField] = "HTTP/1.1";
}

/** Shows a response that was ended. */
export function showEnded(response: ServerResponse, { isHttp2 }: ResponseState): void {
  if (!isHttp2) {
    fieldsOf(response).finished = true;
    return;
  }
  show(response, "finished", true);
  show(response, "writableEnded", true);
}

/** Shows the response as it is. */
export function restoreState(response: ServerResponse, state: ResponseState): void {
  if (state.isHttp2) {
    for (const name of computed) Reflect.deleteProperty(response, name);
    return;
  }
  const fields = fieldsOf(response);
  fields.finished = false;
  fields[headerField] = state.header;
  fields.socket = state.socket;
  fields.destroyed = state.hungUp;
  if (state.hungUp) fields[closedField] = true;
}

function fieldsOf(response: ServerResponse): ResponseFields {
  return response as unknown as ResponseFields;
}

function show(response: ServerResponse, name: (typeof computed)[number], value: unknown): void {
  Object.defineProperty(response, name, { value, configurable: true });
}
