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
  /** The ids of the messages that it took, repeats included. */
  readonly ids: readonly string[];
}

/** The place that a message goes to, as its id says; `undefined`: to a queue of the shop. */
export const placeOf = (id: string): PlaceTopic | undefined => placeTopics.find((topic) => id.endsWith(topic));

/** An endpoint that takes messages by HTTP; shut, it accepts a request and says nothing. It is open at first. */
export async function silentPlace(): Promise<Place & AsyncDisposable & { readonly url: string }> {
  let isShut = false;
  const ids: string[] = [];
  const server = createServer((request, response) => {
    if (isShut) return;
    ids.push(String(request.headers["idempotency-key"]));
    response.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    ids,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    shut: async () => void (isShut = true),
    open: async () => void (isShut = false),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
