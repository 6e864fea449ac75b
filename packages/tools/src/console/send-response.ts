import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ConsoleResponse, LiveEvent } from "./route.ts";

/**
 * Sends an answer of a route: a JSON document, or server-sent events at the pace at which the page reads them. Closes the connection
 * where the route has it cut.
 */
export async function sendResponse(response: ServerResponse, answer: ConsoleResponse): Promise<void> {
  if ("connection" in answer) return void response.destroy();
  if ("json" in answer) {
    response.writeHead(answer.status ?? 200, { "content-type": "application/json", "cache-control": "no-store" });
    response.end(JSON.stringify(answer.json));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.flushHeaders();
  await pipeline(Readable.from(eventStream(answer.events)), response).catch((error: NodeJS.ErrnoException) => {
    // The page has gone: that is how most streams end.
    if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  });
}

/** As the HTML standard has it, section 9.2. */
async function* eventStream(events: AsyncIterable<LiveEvent>): AsyncGenerator<string> {
  for await (const { event, data } of events) yield `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
