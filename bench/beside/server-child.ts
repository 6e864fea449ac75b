import { once } from "node:events";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { createClient } from "redis";
import { libraries, type LibraryName, type Order } from "./libraries.ts";

/** `workMs` is how long an order takes, milliseconds: long enough for copies to meet. `port`: default a free one. */
const [name, url = "", dies, workMs = "200", port = "0"] = process.argv.slice(2);
const counter = await createClient({ url }).connect();

async function placeOrder({ item, ending }: Order): Promise<string> {
  await setTimeout(Number(workMs));
  const id = await counter.incr("beside:effects");
  if (ending === "throws") throw new Error("the handler threw");
  if (ending === "dies" && dies === "dies") process.kill(process.pid, "SIGKILL");
  return JSON.stringify({ id, item });
}

const app = await libraries[name as LibraryName].makeServer(url, placeOrder);
const server = app.listen(Number(port), "127.0.0.1");
await once(server, "listening");
process.send?.({ port: (server.address() as AddressInfo).port });
process.once("disconnect", () => process.exit());
