/**
 * Serves one fault, or a right server of a profile, on a free port of 127.0.0.1, and prints its URL:
 *
 *   node conformance/faults/server.ts key-cut-at-64
 *   node conformance/faults/server.ts acp
 *   node conformance/faults/server.ts keys-in-lower-case
 *   node conformance/faults/server.ts mcp
 *
 * An HTTP server has its operations at /orders, and `GET /effects` gets the number of effects. With STATE=FILE it finds
 * there what a process before it knew, and it can be killed and started again on PORT. An MCP server is at /mcp. Its
 * tool is `order`, and `count_orders` says the number of effects; a seller's are `create_media_buy` and
 * `count_media_buys`. Without a name it prints all names, with the case that must find each, and the published bug that
 * it re-creates.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { faults, faultSources, rightHttpServers, rightMcpServers } from "./faults.ts";
import { McpModel } from "./right-mcp-server.ts";
import type { StoredModel } from "./right-server.ts";

const [name] = process.argv.slice(2);
const rightServers: Readonly<Record<string, (typeof faults)[number]["open"]>> = {
  ...rightHttpServers,
  ...rightMcpServers,
};
const open = faults.find((fault) => fault.name === name)?.open ?? rightServers[name ?? ""];

if (open === undefined) {
  const sourceOf = new Map(faultSources.flatMap(({ url = "ours", faults: names }) => names.map((one) => [one, url])));
  for (const fault of faults)
    process.stdout.write(`${fault.profile.padEnd(9)} ${fault.breaks} ${fault.name} ${sourceOf.get(fault.name)}\n`);
  process.exitCode = name === undefined ? 0 : 2;
} else {
  const model = open();
  const file = process.env["STATE"];
  const isMcp = model instanceof McpModel;
  if (file !== undefined && !isMcp) {
    if (existsSync(file)) model.load(JSON.parse(readFileSync(file, "utf8")) as StoredModel);
    model.store = async () => writeFileSync(file, JSON.stringify(await model.stored()));
  }
  const server = createServer((request, response) => void model.listen(request, response));
  server.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`http://127.0.0.1:${port}/${isMcp ? "mcp" : "orders"}\n`);
  });
}
