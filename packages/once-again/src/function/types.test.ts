import type { DatabaseSync } from "node:sqlite";
import { expectTypeOf, test } from "vitest";
import type { TransactionalStore } from "../stores/store.ts";
import { memoryStore } from "../stores/memory/index.ts";
import { type FunctionExecution, onceFunction } from "./index.ts";

interface Order {
  readonly id: string;
  readonly amount: number;
}

const store = memoryStore();

test("the arguments' types are written once, at key", () => {
  const charge = onceFunction({ store, scope: "a", key: (order: Order) => order.id }, (execution, order) => {
    expectTypeOf(execution).toEqualTypeOf<FunctionExecution>();
    expectTypeOf(execution.key).toEqualTypeOf<string>();
    return order.amount;
  });
  expectTypeOf(charge).parameters.toEqualTypeOf<[order: Order]>();
  expectTypeOf(charge).returns.resolves.toEqualTypeOf<number>();
});

test("a function that is declared elsewhere brings its arguments' types along", () => {
  async function charge(_execution: FunctionExecution, order: Order): Promise<{ paid: number }> {
    return { paid: order.amount };
  }
  const once = onceFunction({ store, scope: "b", key: (order) => order.id }, charge);
  expectTypeOf(once).parameters.toEqualTypeOf<[order: Order]>();
  expectTypeOf(once).returns.resolves.toEqualTypeOf<{ paid: number }>();
});

test("a function in transactional mode is given the store's own transaction", () => {
  const make = (transactional: TransactionalStore<DatabaseSync>) =>
    onceFunction(
      { mode: "transactional", store: transactional, scope: "c", key: (tenant: string, id: string) => tenant + id },
      ({ transaction }, tenant, id) => {
        expectTypeOf(transaction).toEqualTypeOf<DatabaseSync>();
        expectTypeOf([tenant, id]).toEqualTypeOf<string[]>();
      },
    );
  expectTypeOf(make).returns.parameters.toEqualTypeOf<[tenant: string, id: string]>();
  expectTypeOf(make).returns.returns.resolves.toEqualTypeOf<void>();
});

test("a function that needs a transaction is refused without its mode", () => {
  async function charge({ transaction }: FunctionExecution<DatabaseSync>, order: Order): Promise<void> {
    transaction.exec(order.id);
  }
  // @ts-expect-error -- There is no transaction in leased mode.
  const forgotten = () => onceFunction({ store, scope: "f", key: (order: Order) => order.id }, charge);
  expectTypeOf(forgotten).toBeFunction();
});

test("refusals, codec and onUnknown are held to what the function returns", () => {
  onceFunction(
    {
      store,
      scope: "d",
      key: (order: Order) => order.id,
      refusals: {
        encode: (error) => (error instanceof RangeError ? { reason: error.message } : undefined),
        decode: ({ reason }) => {
          expectTypeOf(reason).toEqualTypeOf<string>();
          return new RangeError(reason);
        },
      },
      onUnknown: async (_execution, order) => {
        expectTypeOf(order).toEqualTypeOf<Order>();
        return { found: order.amount };
      },
    },
    (_, order) => order.amount,
  );
  const wrong = () =>
    onceFunction(
      // @ts-expect-error -- The function returns a number.
      { store, scope: "e", key: (order: Order) => order.id, onUnknown: async () => ({ found: "a" }) },
      (_, order) => order.amount,
    );
  expectTypeOf(wrong).toBeFunction();
});
