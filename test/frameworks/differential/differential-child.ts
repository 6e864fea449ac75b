import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { allowedDifferences, reasonFor } from "./allowed-differences.ts";
import { differences, observe } from "./observe.ts";
import { pluginSubjects } from "./plugins.ts";
import type { Subject } from "./subject.ts";
import { subjects } from "./subjects.ts";

// Compares first responses with and without once-again in front of the same handlers. A process of its own: an adapter replaces
// the platform's Request and Response for all that run in one.

const servers: Server[] = [];
const used = new Set<unknown>();

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The differences of one framework that the written list does not allow. */
async function compare({ name, programs, listener }: Subject): Promise<string[]> {
  const [plain, guarded] = [await serve(await listener(false)), await serve(await listener(true))];
  const unexpected: string[] = [];
  for (const program of programs) {
    const key = encodeURIComponent(program);
    const path = `/${program.split("/").map(encodeURIComponent).join("/")}?a=1`;
    const [without, behind] = [await observe(plain + path, key), await observe(guarded + path, key)];
    for (const difference of differences(without, behind)) {
      const allowed = reasonFor(name, program, difference);
      if (allowed === undefined) unexpected.push(`${name} | ${program} | ${difference}`);
      else used.add(allowed);
    }
  }
  return unexpected;
}

const all = [...subjects, ...pluginSubjects];
const lines: string[] = [];
for (const subject of all) lines.push(...(await compare(subject)));
for (const allowed of allowedDifferences) {
  if (!used.has(allowed)) lines.push(`no such difference was found: ${allowed.program} ${allowed.difference}`);
}
for (const server of servers) {
  server.closeAllConnections();
  server.close();
}
const handlers = all.reduce((sum, { programs }) => sum + programs.length, 0);
process.stdout.write(
  [...lines, `${all.length} applications, ${handlers} handlers, ${lines.length} faults`, ""].join("\n"),
);
process.exit(lines.length === 0 ? 0 : 1);
