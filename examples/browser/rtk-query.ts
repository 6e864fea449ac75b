import { createApi, fakeBaseQuery } from "@reduxjs/toolkit/query";
import type { Intents } from "once-again/intents";

/** An endpoint with an error that says whether a second try is safe. */
export function paymentsApi(intents: Intents, url: string) {
  return createApi({
    baseQuery: fakeBaseQuery<{ state: "failed" | "unknown" | "pending" }>(),
    endpoints: (build) => ({
      pay: build.mutation<string, { id: string }>({
        async queryFn(order) {
          const headers = { "content-type": "application/json" };
          const outcome = await intents.submit(`pay ${order.id}`, { url, headers, body: JSON.stringify(order) });
          if (outcome.state !== "done") return { error: { state: outcome.state } };
          return { data: new TextDecoder().decode(outcome.answer.body) };
        },
      }),
    }),
  });
}
