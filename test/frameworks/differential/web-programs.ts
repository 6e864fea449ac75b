import { type Context } from "hono";
import { setCookie } from "hono/cookie";
import { html } from "hono/html";
import { HTTPException } from "hono/http-exception";
import { stream, streamSSE, streamText } from "hono/streaming";
import { setImmediate as turn } from "node:timers/promises";

/** A handler of a web-standard request. */
export type WebProgram = (request: Request) => Response | Promise<Response>;

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A web stream that comes in more than one turn. */
function slowly(...parts: string[]): ReadableStream<Uint8Array> {
  return ReadableStream.from(
    (async function* () {
      for (const part of parts) {
        await turn();
        yield bytes(part);
      }
    })(),
  );
}

const order = { item: "tea", cups: 2 };

export const webPrograms: Readonly<Record<string, WebProgram>> = {
  "a text": () => new Response("made"),
  "an empty text": () => new Response(""),
  "no body": () => new Response(null),
  "no body and a type": () => new Response(null, { headers: { "content-type": "text/plain" } }),
  bytes: () => new Response(Uint8Array.of(0, 1, 255)),
  "no bytes": () => new Response(new Uint8Array()),
  "an ArrayBuffer": () => new Response(bytes("made").buffer),
  "a Blob": () => new Response(new Blob(["made"], { type: "text/csv" })),
  URLSearchParams: () => new Response(new URLSearchParams({ a: "1" })),
  json: () => Response.json(order),
  "json with a status": () => Response.json(order, { status: 201 }),
  "a stream": () => new Response(slowly("a", "b", "c")),
  "an empty stream": () => new Response(slowly()),
  "a stream with a type": () => new Response(slowly("a"), { headers: { "content-type": "text/event-stream" } }),
  "a length": () => new Response("made", { headers: { "content-length": "4" } }),
  redirect: () => Response.redirect("http://shop.example/orders/7", 303),
  "a relative redirect": () => new Response(null, { status: 302, headers: { location: "/orders/7" } }),
  cookies: () =>
    new Response("made", {
      headers: [
        ["set-cookie", "a=1; Path=/"],
        ["set-cookie", "b=2"],
      ],
    }),
  "repeated headers": () =>
    new Response("made", {
      headers: [
        ["link", "</a>"],
        ["link", "</b>"],
      ],
    }),
  "a phrase": () => new Response("made", { status: 201, statusText: "Made" }),
  "the request's body": async (request) => new Response(await request.text(), { status: 201 }),
  "the request's JSON": async (request) => Response.json(await request.json()),
  "the request's bytes": async (request) => new Response(await request.arrayBuffer()),
  "the request, echoed": (request) => new Response(request.body),
  "a clone of the request": async (request) => new Response((await request.clone().text()) + (await request.text())),
  "the request's facts": (request) =>
    Response.json([
      request.method,
      new URL(request.url).search,
      request.headers.get("content-type"),
      request.signal.aborted,
    ]),
  "a late response": async () => {
    await turn();
    return new Response("late");
  },
  ...Object.fromEntries(
    [
      200, 201, 202, 203, 204, 205, 206, 299, 301, 302, 303, 304, 307, 308, 400, 401, 404, 409, 410, 418, 422, 500, 503,
    ].map((status): [string, WebProgram] => [
      `status ${status}`,
      () => new Response([204, 205, 304].includes(status) ? null : `status ${status}`, { status }),
    ]),
  ),
};

export const honoPrograms: Readonly<Record<string, (context: Context) => Response | Promise<Response>>> = {
  "c.text": (context) => context.text("made", 201),
  "c.json": (context) => context.json(order),
  "c.html": (context) => context.html("<p>made</p>"),
  "html``": (context) => context.html(html`<p>${"<made>"}</p>`),
  "c.body": (context) => context.body("made", 201, { "x-order": "7" }),
  "c.body of null": (context) => context.body(null, 204),
  "c.redirect": (context) => context.redirect("/orders/7"),
  "c.redirect 303": (context) => context.redirect("/orders/7", 303),
  "c.header": (context) => {
    context.header("x-order", "7");
    context.header("link", "</a>", { append: true });
    context.header("link", "</b>", { append: true });
    context.status(202);
    return context.text("made");
  },
  setCookie: (context) => {
    setCookie(context, "a", "1");
    setCookie(context, "b", "2", { httpOnly: true });
    return context.text("made");
  },
  "c.notFound": (context) => context.notFound(),
  "c.req.json": async (context) => context.json(await context.req.json()),
  stream: (context) =>
    stream(context, async (out) => {
      await out.write(bytes("a"));
      await out.sleep(1);
      await out.write("b");
    }),
  streamText: (context) => streamText(context, async (out) => void (await out.writeln("made"))),
  streamSSE: (context) => streamSSE(context, (out) => out.writeSSE({ data: "made", event: "order", id: "7" })),
  HTTPException: () => {
    throw new HTTPException(418, { message: "no tea" });
  },
  "an error": () => {
    throw new Error("no tea");
  },
};
