import type { OperationContext } from "@urql/core";
import { type Intents, onceMutationFn } from "once-again/intents";

/** The context of one mutation: `client.mutation(document, variables, once(intents, "pay 42"))`. */
export function once(intents: Intents, id: string): Partial<OperationContext> {
  const send = onceMutationFn(intents, {
    id: () => id,
    request: ([input, init]: [string | URL, RequestInit | undefined]) => ({
      url: input,
      headers: { "content-type": "application/json" },
      body: init?.body as string,
    }),
  });
  return {
    async fetch(input, init) {
      const { status, headers, body } = await send([input instanceof Request ? input.url : input, init]);
      return new Response(Uint8Array.from(body), {
        status,
        headers: headers.map(([name, value]): [string, string] => [name, value]),
      });
    },
  };
}
