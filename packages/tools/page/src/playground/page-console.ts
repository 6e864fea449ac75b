import type { LiveEvent, Section } from "../../../src/console/route.ts";

/** Serves the requests of the page from sections that run in the page itself, as the console does over HTTP. */
export function pageConsole(sections: readonly Section[], pages: readonly string[]) {
  return async (path: string, { method = "GET", body, signal }: RequestInit): Promise<Response> => {
    if (path === "sections") return Response.json({ sections: pages, mayChange: true });
    const [place = "", query = ""] = path.split("?");
    const [name = "", ...rest] = place.split("/");
    const route = sections.find((section) => section.name === name)?.routes[`${method} ${rest.join("/")}`];
    if (route === undefined) return Response.json({ problem: "There is no such path." }, { status: 404 });
    const answer = await route({
      query: new URLSearchParams(query),
      body: typeof body === "string" ? JSON.parse(body) : undefined,
      mayChange: true,
      signal: signal ?? new AbortController().signal,
    });
    if ("connection" in answer) return Response.error();
    if ("json" in answer) return Response.json(answer.json, { status: answer.status ?? 200 });
    return new Response(eventStream(answer.events), { headers: { "content-type": "text/event-stream" } });
  };
}

/** Server-sent events, at the pace at which the page reads them. */
function eventStream(events: AsyncIterable<LiveEvent>): ReadableStream<Uint8Array> {
  const iterator = events[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done === true) return controller.close();
      const { event, data } = next.value;
      controller.enqueue(encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
    },
    cancel: () => void iterator.return?.(),
  });
}
