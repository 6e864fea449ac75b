import { createTRPCClient, httpLink } from "@trpc/client";
import { retryingFetch } from "once-again/client";
import type { Router } from "./trpc.ts";

const trpc = createTRPCClient<Router>({
  links: [
    httpLink({
      url: "http://127.0.0.1:3000/trpc",
      headers: { authorization: "Bearer secret" },
      // Makes a key for each mutation, and sends it with every attempt. This server honours keys.
      fetch: retryingFetch({ keys: ["http://127.0.0.1:3000"], timeoutMs: 20_000 }),
    }),
  ],
});

console.log(await trpc.order.mutate({ item: "coffee" }));
