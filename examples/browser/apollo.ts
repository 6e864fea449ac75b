import { ApolloLink } from "@apollo/client";
import { print } from "graphql";
import { type Intents, onceMutationFn } from "once-again/intents";
import { from } from "rxjs";

/** Sends the mutations with `context: { onceId }` as intents, and leaves the others to the next link. */
export function onceLink(intents: Intents, url: string): ApolloLink {
  const send = onceMutationFn(intents, {
    id: ({ getContext }: ApolloLink.Operation) => String(getContext()["onceId"]),
    request: ({ operationName, query, variables }) => ({
      url,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ operationName, query: print(query), variables }),
    }),
  });
  const read = async (operation: ApolloLink.Operation): Promise<ApolloLink.Result> =>
    JSON.parse(new TextDecoder().decode((await send(operation)).body)) as ApolloLink.Result;
  return new ApolloLink((operation, forward) =>
    operation.getContext()["onceId"] === undefined ? forward(operation) : from(read(operation)),
  );
}
