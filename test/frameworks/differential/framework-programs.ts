import type { Request as ExpressRequest, Response as ExpressResponse } from "express";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Context as KoaContext } from "koa";
import { resolve } from "node:path";
import { chunks, failing } from "./node-programs.ts";

// Handlers that use their framework's own API.

const order = { item: "tea", cups: 2 };
const fault = (): Error => Object.assign(new Error("no tea"), { status: 418, statusCode: 418 });

export const expressPrograms: Readonly<
  Record<string, (response: ExpressResponse, request: ExpressRequest) => unknown>
> = {
  json: (response) => response.json(order),
  "json with a status": (response) => response.status(201).json(order),
  "json of null": (response) => response.json(null),
  "send a text": (response) => response.send("made"),
  "send a Buffer": (response) => response.send(Buffer.from([1, 2])),
  "send nothing": (response) => response.send(),
  "send with a type": (response) => response.type("text/csv").send("a,b"),
  sendStatus: (response) => response.sendStatus(202),
  redirect: (response) => response.redirect("/orders/7"),
  "redirect 303": (response) => response.redirect(303, "/orders/7"),
  location: (response) => response.location("/orders/7").status(201).end(),
  cookies: (response) => response.cookie("a", "1", { httpOnly: true }).clearCookie("b").send("made"),
  "links and vary": (response) => response.links({ next: "/2" }).vary("accept").send("made"),
  append: (response) => response.append("link", "</a>").append("link", "</b>").send("made"),
  attachment: (response) => response.attachment("tea.txt").send("made"),
  format: (response) => response.format({ json: () => response.json(order), default: () => response.send("made") }),
  jsonp: (response) => response.jsonp(order),
  sendFile: (response) => response.sendFile("package.json", { root: process.cwd() }),
  "sendFile that is missing": (response) => response.sendFile("no-such-file", { root: process.cwd() }),
  download: (response) => response.download(resolve("LICENSE")),
  render: (response) => response.render("README.md"),
  "render that fails": (response) => response.render("no-such-view.md"),
  "204 with a body": (response) => response.status(204).send("none"),
  "a stream": (response) => void chunks("a", "b").pipe(response.type("text/plain")),
  "a thrown error": () => {
    throw fault();
  },
  "a rejected promise": () => Promise.reject(fault()),
  "an error after the head": (response) => {
    response.write("half");
    throw fault();
  },
};

export const koaPrograms: Readonly<Record<string, (context: KoaContext) => unknown>> = {
  "a text": (context) => void (context.body = "made"),
  HTML: (context) => void (context.body = "<p>made</p>"),
  "an object": (context) => void (context.body = order),
  "a Buffer": (context) => void (context.body = Buffer.from([1, 2])),
  null: (context) => void (context.body = null),
  "a status alone": (context) => void (context.status = 202),
  nothing: () => undefined,
  "a body and a status": (context) => void Object.assign(context, { body: order, status: 201 }),
  "a message": (context) => void Object.assign(context, { status: 201, message: "Made", body: "made" }),
  "a stream": (context) => void (context.body = chunks("a", "b")),
  "a stream with a type": (context) => void Object.assign(context, { type: "text/csv", body: chunks("a", "b") }),
  "a web stream": (context) => void (context.body = new Blob(["made"]).stream()),
  "a Blob": (context) => void (context.body = new Blob(["made"])),
  "a Response": (context) => void (context.body = new Response("made", { status: 201, headers: { "x-order": "7" } })),
  redirect: (context) => context.redirect("/orders/7"),
  cookies: (context) => {
    context.cookies.set("a", "1");
    context.body = "made";
  },
  attachment: (context) => {
    context.attachment("tea.txt");
    context.body = "made";
  },
  "append and vary": (context) => {
    context.append("link", ["</a>", "</b>"]);
    context.vary("accept");
    context.body = "made";
  },
  "etag and last-modified": (context) => {
    context.etag = "7";
    context.lastModified = new Date(0);
    context.body = "made";
  },
  "a thrown error": (context) => context.throw(418, "no tea"),
  "a rejected promise": () => Promise.reject(fault()),
};

export const fastifyPrograms: Readonly<Record<string, (reply: FastifyReply, request: FastifyRequest) => unknown>> = {
  "a returned object": () => order,
  "a returned text": () => "made",
  "a returned Buffer": () => Buffer.from([1, 2]),
  "a returned null": () => null,
  "a code": (reply) => reply.code(201).send(order),
  "an empty 204": (reply) => reply.code(204).send(),
  "a type": (reply) => reply.type("text/csv").send("a,b"),
  headers: (reply) => reply.headers({ "x-a": "1", "x-b": "2" }).header("x-c", 3).send("made"),
  "repeated cookies": (reply) => reply.header("set-cookie", "a=1").header("set-cookie", "b=2").send("made"),
  redirect: (reply) => reply.redirect("/orders/7"),
  "redirect 303": (reply) => reply.redirect("/orders/7", 303),
  "a stream": (reply) => reply.type("text/plain").send(chunks("a", "b")),
  "a stream that fails": (reply) => reply.send(failing()),
  "a web stream": (reply) => reply.send(new Blob(["made"]).stream()),
  "a Response": () => new Response("made", { status: 201, headers: { "x-order": "7" } }),
  "a serializer": (reply) => reply.serializer(() => "made").send(order),
  "early hints": (reply) => {
    reply.raw.writeEarlyHints({ link: "</style.css>; rel=preload" });
    return "made";
  },
  trailers: (reply) => {
    reply.trailer("x-sum", (_reply, _payload, done) => done(null, "4"));
    return reply.send("made");
  },
  notFound: (reply) => reply.callNotFound(),
  "a status of 304": (reply) => reply.code(304).send(),
  "a thrown error": () => {
    throw fault();
  },
  "a rejected promise": () => Promise.reject(fault()),
  "a raw header beside": (reply) => {
    reply.raw.setHeader("x-raw", "1");
    return "made";
  },
};

/** Handlers of Nest return values. */
export const nestPrograms: Readonly<Record<string, () => unknown>> = {
  "a returned object": () => order,
  "a returned text": () => "made",
  "a returned null": () => null,
  "a returned nothing": () => undefined,
  "a promise": () => Promise.resolve(order),
  "a thrown error": () => {
    throw fault();
  },
};
