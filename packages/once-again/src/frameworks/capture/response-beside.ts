import { type IncomingMessage, ServerResponse } from "node:http";
import type { ListenersInFront } from "./listeners-in-front.ts";
import { besideFields, fieldsOf, type ServerConnection } from "./node-private.ts";

/** A second response of HTTP/1.1 to a request, as Node's server would have made it. */
export function http1Beside(request: IncomingMessage, response: ServerResponse): ServerResponse {
  const beside = new ServerResponse(request);
  for (const name of besideFields) Reflect.set(beside, name, Reflect.get(response, name));
  return beside;
}

/**
 * Calls the listeners in front when a response was sent beside the handler's. While they run, the handler's response looks
 * like that one: Node's server goes on with the connection, and a log reads the status that went out. Afterwards the handler
 * finds its response as it was.
 *
 * @param connection `undefined` for HTTP/2.
 */
export function showAsSent(
  request: IncomingMessage,
  response: ServerResponse,
  beside: ServerResponse,
  inFront: ListenersInFront,
  connection: ServerConnection | undefined,
): void {
  const [fields, sent] = [fieldsOf(response), fieldsOf(beside)];
  const { _header, _last, _closed } = fields;
  const { statusCode } = response;
  const { socket } = request;
  fields._header = sent._header;
  response.statusCode = beside.statusCode;
  // Node's server emits "close" in the next tick, unless that was emitted.
  fields._closed = true;
  if (connection !== undefined) {
    fields._last = sent._last;
    request.socket = connection;
    response.detachSocket = (detached) => beside.detachSocket(detached);
  }
  inFront.callFinish();
  if (connection !== undefined) {
    Reflect.deleteProperty(response, "detachSocket");
    request.socket = socket;
    fields._last = _last;
  }
  response.statusCode = statusCode;
  fields._header = _header;
  process.nextTick(() => {
    fields._closed = _closed;
    inFront.callClose();
  });
}
