import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { onceNode } from "once-again/node";
import { accountOf } from "./accounts.ts";
import { countCharges } from "./charges.ts";
import { closeAtSigterm } from "./close-at-sigterm.ts";
import { options } from "./options.ts";
import { pay } from "./pay.ts";

const json = { "content-type": "application/json" };

const charges = onceNode(
  {
    ...options,
    // The account that owns the keys: two accounts never share one.
    scope: (request) => accountOf(request.headers.authorization)!,
  },
  async (_request, response, operation) => {
    const { amount } = JSON.parse(operation.body.toString()) as { amount: number };
    response.writeHead(201, json).end(JSON.stringify(await pay(operation, amount)));
  },
);

async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (accountOf(request.headers.authorization) === undefined) response.writeHead(401).end();
  else if (request.url !== "/charges") response.writeHead(404).end();
  else if (request.method === "POST") await charges(request, response);
  else {
    const total = await countCharges();
    response.writeHead(200, json).end(JSON.stringify({ charges: total }));
  }
}

const server = createServer((request, response) => {
  // An error that is not caught would end the process, and with it the charges that run.
  respond(request, response).catch((error: unknown) => {
    console.error(error);
    response.writeHead(500).end();
  });
});

const port = Number(process.env["PORT"] ?? 3000);
server.listen(port, "127.0.0.1", () => console.log(`listening on port ${port}`));
closeAtSigterm(server, charges);
