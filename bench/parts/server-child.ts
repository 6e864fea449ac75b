/** `server-child.ts PART`: a Fastify server with requests that pass so many parts. Messages ask for its figures. */
import process from "node:process";
import fastify from "fastify";
import { contentType, path, status } from "../server/exchange.ts";
import type { ServerState } from "../server/server-child.ts";
import { plainWork } from "../server/setup.ts";
import { isPartName, parts } from "./parts.ts";

const [, , part] = process.argv;
if (!isPartName(part)) throw new Error("server-child.ts PART");

let runs = 0;
const app = fastify();
app.post(path, parts[part](), async (_request, reply) => {
  runs += 1;
  return reply
    .code(status)
    .type(contentType)
    .send(await plainWork(undefined));
});
const port = Number(new URL(await app.listen({ port: 0, host: "127.0.0.1" })).port);

process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ port, runs, cpuMicroseconds: user + system } satisfies ServerState);
});
process.on("disconnect", () => process.exit());
