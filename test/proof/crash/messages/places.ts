import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Places beside the queues of the shop, of which each is shut now and then, by their topics. */
export const placeTopics = ["places.full", "places.silent"] as const;
export type PlaceTopic = (typeof placeTopics)[number];

/** Where messages of one topic go. */
export interface Place {
  /** From now on it takes no message. */
  shut(): Promise<void>;
  open(): Promise<void>;
  /** Whether a message has come since it was shut, so that what comes next meets a place that is full or says nothing. */
  isTried(): Promise<boolean>;
  /** The ids of the messages that it took, repeats included. */
  readonly ids: readonly string[];
}

/** The place that a message goes to, as its id says; `undefined`: to a queue of the shop. */
export const placeOf = (id: string): PlaceTopic | undefined => placeTopics.find((topic) => id.endsWith(topic));

/** An endpoint that takes messages by HTTP; shut, it accepts a request and says nothing. It is open at first. */
export async function silentPlace(): Promise<Place & AsyncDisposable & { readonly url: string }> {
  let isShut = false;
  let isTried = false;
  const ids: string[] = [];
  const server = createServer((request, response) => {
    isTried = isShut;
    if (isShut) return;
    ids.push(String(request.headers["idempotency-key"]));
    response.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    ids,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async shut() {
      isShut = true;
      isTried = false;
    },
    open: async () => void (isShut = false),
    isTried: async () => isTried,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
