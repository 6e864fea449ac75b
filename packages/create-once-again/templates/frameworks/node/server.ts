import { createServer } from "node:http";
import { onceNode } from "once-again/node";
import { accountOf } from "./accounts.ts";
import { countCharges } from "./charges.ts";
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

const server = createServer(async (request, response) => {
  if (accountOf(request.headers.authorization) === undefined) response.writeHead(401).end();
  else if (request.url !== "/charges") response.writeHead(404).end();
  else if (request.method === "POST") await charges(request, response);
  else response.writeHead(200, json).end(JSON.stringify({ charges: await countCharges() }));
});

const port = Number(process.env["PORT"] ?? 3000);
server.listen(port, "127.0.0.1", () => console.log(`listening on port ${port}`));
