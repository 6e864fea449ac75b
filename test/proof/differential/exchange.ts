import { once } from "node:events";
import { type Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { hash } from "./back-end.ts";
import type { Plan } from "./plan.ts";
import { waitMsMax } from "../../support/wait-ms-max.ts";

/** The response that a caller got. */
export interface Heard {
  readonly interim: readonly string[];
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

/** Sends the request of a plan, and returns the response. One that hangs is a difference, not an end of the run. */
export async function exchange(to: URL, plan: Plan, name: string, agent: Agent): Promise<Heard> {
  const interim: string[] = [];
  const sent = send(to, plan, name, agent);
  sent.on("information", ({ statusCode, rawHeaders }) => interim.push(`${statusCode} ${rawHeaders.join("|")}`));
  const answered = Promise.withResolvers<Heard>();
  sent.once("error", answered.reject);
  sent.once("response", (response: IncomingMessage) => {
    hear(response, interim).then(answered.resolve, answered.reject);
  });
  sent.once("upgrade", (response: IncomingMessage, socket: Socket, head: Buffer) => {
    echo(socket, head).then((body) => answered.resolve({ ...headOf(response, interim), body }), answered.reject);
  });
  const late = setTimeout(() => sent.destroy(new Error("There was no whole answer in time.")), waitMsMax);
  await writeBody(sent, plan);
  return answered.promise.finally(() => clearTimeout(late));
}

function send(to: URL, { method, target, headers, body, framing, expects, upgrade }: Plan, name: string, agent: Agent) {
  const own = ["Host", "shop.example", "X-Request", name, ...headers];
  if (upgrade) own.push("Connection", "Upgrade", "Upgrade", "echo");
  if (body !== undefined && framing === "chunked") own.push("Transfer-Encoding", "chunked");
  else own.push("Content-Length", String(Buffer.byteLength(body?.join("") ?? "")));
  if (expects) own.push("Expect", "100-continue");
  const { hostname: host, port } = to;
  return httpRequest({ host, port, method, path: target, headers: own, setHost: false, agent });
}

async function writeBody(sent: ClientRequest, { body, trailers, expects }: Plan): Promise<void> {
  if (body === undefined) return void sent.end();
  // Who answers before it has read the body says no "100 Continue".
  if (expects) await Promise.race(["continue", "response", "error"].map((event) => once(sent, event).catch(() => [])));
  for (const part of body) sent.write(part);
  if (trailers.length > 0) sent.addTrailers(trailers);
  sent.end();
}

async function hear(response: IncomingMessage, interim: readonly string[]): Promise<Heard> {
  const body = hash(await buffer(response));
  return { ...headOf(response, interim), body, trailers: response.rawTrailers };
}

function headOf({ statusCode = 0, statusMessage = "", rawHeaders }: IncomingMessage, interim: readonly string[]) {
  return { interim, status: statusCode, reason: statusMessage, headers: rawHeaders, body: "", trailers: [] };
}

/** Speaks another protocol: sends something, and waits for its echo. */
async function echo(socket: Socket, head: Buffer): Promise<string> {
  socket.write("ping");
  let heard = String(head);
  for await (const chunk of socket) {
    heard += String(chunk);
    if (heard === "ping") break;
  }
  socket.destroy();
  return heard;
}
