import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { ConsoleServer } from "../../packages/tools/src/console/console-server.ts";
import type { CheckoutState } from "../../packages/tools/src/lab/checkout/checkout-protocol.ts";
import type { MessagesState } from "../../packages/tools/src/lab/messages/live/messages-protocol.ts";
import type { LiveState, LiveUpdate } from "../../packages/tools/src/lab/live/live-protocol.ts";
import type { Order } from "../../packages/tools/src/lab/orders.ts";

/** The orders that come with the package. */
export const shippedOrders = readFileSync(new URL("../../packages/tools/orders.ndjson", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Order);

/** Asks the lab's section of a console, as its page does. */
export interface StageClient<Update, State> extends AsyncDisposable {
  /** The first event of the stream. */
  readonly first: { readonly event: string; readonly update: Update };
  /** How things stand when `isSo` holds; waits for it. */
  until(isSo: (state: State) => boolean): Promise<State>;
  post(path: string, body?: unknown): Promise<Response>;
  get<Document>(path: string): Promise<Document>;
}

type Address = Pick<ConsoleServer, "url" | "token">;

/** Opens the live stream of a console's lab. */
export const labClient = (server: Address): Promise<StageClient<LiveUpdate, LiveState>> =>
  stageClient<LiveUpdate, LiveState>(server, "lab", ({ state }) => state);

/** Opens the live stream of the lab's story of messages. */
export const messagesClient = (server: Address): Promise<StageClient<MessagesState, MessagesState>> =>
  stageClient<MessagesState, MessagesState>(server, "lab/messages", (state) => state);

/** Opens the live stream of the lab's story of the checkout. */
export const checkoutClient = (server: Address): Promise<StageClient<CheckoutState, CheckoutState>> =>
  stageClient<CheckoutState, CheckoutState>(server, "lab/checkout", (state) => state);

async function stageClient<Update, State>(
  { url, token }: Address,
  path: string,
  stateOf: (update: Update) => State,
): Promise<StageClient<Update, State>> {
  const api = `${url.replace(/#.*$/, "")}api/${path}`;
  const leaving = new AbortController();
  const response = await fetch(`${api}/live`, { signal: leaving.signal });
  // The console writes each event as two lines and an empty one.
  const lines = createInterface({ input: Readable.fromWeb(response.body!) })[Symbol.asyncIterator]();
  const field = async (name: string): Promise<string> => {
    const { done, value } = await lines.next();
    if (done || !value.startsWith(`${name}: `)) throw new Error(`No ${name}: ${value ?? "the stream has ended"}`);
    return value.slice(name.length + 2);
  };
  const next = async () => {
    const event = await field("event");
    const update = JSON.parse(await field("data")) as Update;
    await lines.next();
    return { event, update };
  };
  const first = await next();
  let state = stateOf(first.update);
  return {
    first,
    async until(isSo) {
      while (!isSo(state)) state = stateOf((await next()).update);
      return state;
    },
    post: (path, body = {}) =>
      fetch(`${api}/${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    get: async <Document>(path: string) => (await fetch(`${api}/${path}`)).json() as Promise<Document>,
    async [Symbol.asyncDispose]() {
      leaving.abort();
    },
  };
}

/** The databases of the labs that run with this folder for temporary files. */
export const labDatabases = (folder = tmpdir()): string[] =>
  readdirSync(folder)
    .filter((name) => name.startsWith("once-again-lab-"))
    .map((name) => join(folder, name, "lab.sqlite"));

/** Whether a process is there. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
