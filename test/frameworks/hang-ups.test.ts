import { describe, expect, test } from "vitest";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { asyncStore } from "../support/async-store.ts";
import { dial } from "../support/dial.ts";
import { lastConnection } from "../support/last-connection.ts";
import { until } from "../support/until.ts";
import { exchange } from "./exchange.ts";
import { frameworks } from "./frameworks.ts";
import { serving } from "./serving.ts";

// A caller's connection is reset in the very turn of the event loop in which the store grants the claim.

const onNode = frameworks.filter(({ cannot }) => cannot.rawEnd === undefined);

describe.for(onNode)("$name", (framework) => {
  test.for(["destroyed", "reset"] as const)(
    "a connection that is %s in the turn of the claim: the handler finds the whole body, or does not run",
    async (how) => {
      const connection = lastConnection();
      const inner = asyncStore(memoryStore());
      let claims = 0;
      const store = {
        ...inner,
        claim: async (request: Parameters<typeof inner.claim>[0]) => {
          const claim = await inner.claim(request);
          claims += 1;
          if (claims === 1) connection()?.[how === "reset" ? "resetAndDestroy" : "destroy"]();
          return claim;
        },
      };
      const bodies: string[] = [];
      const { url } = await serving(framework, {
        rules: { store, waitMs: 20_000 },
        parser: framework.name === "nest" ? "before" : "behind",
        handle: ({ body }) => (bodies.push(body), { status: 201, body }),
      });
      const { socket } = dial(url);
      socket.write("POST /v1/orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: order-7\r\n");
      socket.write('Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{"item":"tea"}');
      await until(() => socket.closed);
      const repeat = await exchange(url);
      expect([repeat.status, repeat.text]).toEqual([201, '{"item":"tea"}']);
      expect(bodies).toEqual(['{"item":"tea"}']);
    },
  );
});
