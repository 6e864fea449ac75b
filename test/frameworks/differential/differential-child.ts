import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { allowedDifferences, allowedOnRepeat, reasonFor } from "./allowed-differences.ts";
import { differences, observe, type Observed } from "./observe.ts";
import { pluginSubjects } from "./plugins.ts";
import type { Subject } from "./subject.ts";
import { subjects } from "./subjects.ts";

// Compares first responses with and without once-again in front of the same handlers. It is another process: an adapter replaces
// the platform's Request and Response for all that run in one.

const servers: Server[] = [];
const used = new Set<unknown>();

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Programs that HEAD can't run: those that use the request's body, which it does not have, and trailers. */
const onlyPost = /body|echo|JSON|bytes|json$|clone|form$|parts$|file$|trailers/;

function rows(programs: readonly string[]): [method: "POST" | "HEAD", program: string][] {
  const withHead = programs.filter((program) => !onlyPost.test(program));
  return [
    ...programs.map((program): ["POST", string] => ["POST", program]),
    ...withHead.map((program): ["HEAD", string] => ["HEAD", program]),
  ];
}

/** The differences of one framework that the written lists do not allow. */
async function compare({ name, programs, request, listener }: Subject, hasRepeats: boolean): Promise<string[]> {
  const [plain, guarded] = [await serve(await listener(false)), await serve(await listener(true))];
  const unexpected: string[] = [];
  for (const [method, program] of rows(programs)) {
    const path = `/${program.split("/").map(encodeURIComponent).join("/")}?a=1`;
    const row = method === "POST" ? program : `${method} ${program}`;
    const key = randomUUID();
    const ask = (server: string): Promise<Observed> => observe(server + path, method, request, key);
    const [without, behind] = [await ask(plain), await ask(guarded)];
    const repeat = hasRepeats ? await ask(guarded) : behind;
    for (const [list, reader, found] of [
      [allowedDifferences, "", differences(without, behind)],
      [allowedOnRepeat, "repeat of ", differences(behind, repeat)],
    ] as const) {
      for (const difference of found) {
        const allowed = reasonFor(list, name, row, difference);
        if (allowed === undefined) unexpected.push(`${name} | ${reader}${row} | ${difference}`);
        else used.add(allowed);
      }
    }
  }
  return unexpected;
}

const all = [...subjects, ...pluginSubjects];
const lines: string[] = [];
for (const subject of subjects) lines.push(...(await compare(subject, true)));
// Plugins in front count, and begin sessions.
for (const subject of pluginSubjects) lines.push(...(await compare(subject, false)));
for (const allowed of [...allowedDifferences, ...allowedOnRepeat]) {
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
