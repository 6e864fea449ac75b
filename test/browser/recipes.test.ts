import { ApolloClient, ApolloLink, gql, InMemoryCache } from "@apollo/client";
import { configureStore } from "@reduxjs/toolkit";
import { NonRetriableError } from "@tanstack/offline-transactions";
import { MutationObserver, QueryClient } from "@tanstack/react-query";
import { Client, fetchExchange } from "@urql/core";
import { get } from "svelte/store";
import { expect, test } from "vitest";
import { effectScope } from "vue";
import { onceLink } from "../../examples/browser/apollo.ts";
import { saveTodos } from "../../examples/browser/offline-transactions.ts";
import { paymentsApi } from "../../examples/browser/rtk-query.ts";
import { once as onceInSvelte } from "../../examples/browser/svelte.ts";
import { payMutation } from "../../examples/browser/tanstack-query.ts";
import { once as onceInUrql } from "../../examples/browser/urql.ts";
import { useOnce } from "../../examples/browser/vue.ts";
import { intentsBench } from "../support/intents-bench.ts";
import { answer, reset } from "../support/scripted-server.ts";

// Each recipe sends through the library that it is for: an answer is lost, the library is used again, and one effect is there.

const order = { id: "42" };
const lost = answer(500, { "idempotent-replayed": "true" });

async function shop() {
  const bench = await intentsBench();
  const { intents } = bench.opened();
  return {
    ...bench,
    intents,
    url: bench.server.url,
    keys: () => new Set(bench.server.received.map(({ key }) => key)).size,
  };
}

test("TanStack Query", async () => {
  const { intents, server, url, keys } = await shop();
  server.script.push(reset, answer(201));
  for (let presses = 0; presses < 2; presses += 1) {
    const pay = new MutationObserver(new QueryClient(), payMutation(intents, url));
    expect(await pay.mutate(order)).toMatchObject({ status: 201 });
  }
  expect([server.received.length, keys()]).toEqual([2, 1]);
});

test("TanStack's offline transactions: a repeat joins, and no error is tried again", async () => {
  const { intents, server, url } = await shop();
  server.script.push(answer(201), lost);
  const save = saveTodos(intents, url);
  const params = (idempotencyKey: string) =>
    ({ idempotencyKey, transaction: { mutations: [{ changes: { done: true } }] } }) as unknown as Parameters<
      typeof save
    >[0];
  expect(await save(params("one"))).toMatchObject({ status: 201 });
  expect(await save(params("one"))).toMatchObject({ status: 201 });
  await expect(save(params("two"))).rejects.toThrow(NonRetriableError);
  expect(server.received.map(({ body }) => body)).toEqual(Array(2).fill('[{"done":true}]'));
});

test("RTK Query", async () => {
  const { intents, server, url } = await shop();
  server.script.push(answer(201, {}, "made"), lost);
  const api = paymentsApi(intents, url);
  const redux = configureStore({
    reducer: { [api.reducerPath]: api.reducer },
    middleware: (defaults) => defaults().concat(api.middleware),
  });
  const pay = (id: string) => redux.dispatch(api.endpoints.pay.initiate({ id }));
  expect([await pay("42"), await pay("42")]).toMatchObject([{ data: "made" }, { data: "made" }]);
  expect(await pay("43")).toMatchObject({ error: { state: "unknown" } });
  expect(server.received).toHaveLength(2);
});

const mutation = "mutation Pay($id: ID!) { pay(id: $id) }";
const paid = answer(200, { "content-type": "application/json" }, '{"data":{"pay":"yes"}}');

test("Apollo Client", async () => {
  const { intents, server, url, keys } = await shop();
  server.script.push(reset, paid);
  const client = new ApolloClient({ link: ApolloLink.from([onceLink(intents, url)]), cache: new InMemoryCache() });
  const pay = () => client.mutate({ mutation: gql(mutation), variables: order, context: { onceId: "pay 42" } });
  expect([await pay(), await pay()]).toMatchObject([{ data: { pay: "yes" } }, { data: { pay: "yes" } }]);
  expect([server.received.length, keys()]).toEqual([2, 1]);
});

test("urql", async () => {
  const { intents, server, url, keys } = await shop();
  server.script.push(reset, paid);
  const client = new Client({ url, exchanges: [fetchExchange], preferGetMethod: false });
  const pay = () => client.mutation(mutation, order, onceInUrql(intents, "pay 42")).toPromise();
  expect([await pay(), await pay()]).toMatchObject([{ data: { pay: "yes" } }, { data: { pay: "yes" } }]);
  expect([server.received.length, keys()]).toEqual([2, 1]);
});

test("Vue", async () => {
  const { intents, server, order: request } = await shop();
  const scope = effectScope();
  const pay = scope.run(() => useOnce(intents, "pay 42"))!;
  await expect.poll(() => pay.state.value.state).toBe("idle");
  await Promise.all([pay.mutate(request()), pay.mutate(request())]);
  expect(pay.state.value.state).toBe("done");
  scope.stop();
  expect(server.received).toHaveLength(1);
});

test("Svelte", async () => {
  const { intents, server, order: request } = await shop();
  const pay = onceInSvelte(intents, "pay 42");
  const seen: string[] = [];
  const unsubscribe = pay.state.subscribe(({ state }) => seen.push(state));
  await expect.poll(() => seen.at(-1)).toBe("idle");
  await Promise.all([pay.mutate(request()), pay.mutate(request())]);
  expect(seen.at(-1)).toBe("done");
  unsubscribe();
  expect(get(pay.state).state).toBe("done");
  expect(server.received).toHaveLength(1);
});
