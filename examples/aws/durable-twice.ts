import { LocalDurableTestRunner } from "@aws/durable-execution-sdk-js-testing";
import { countCharges, handler } from "./durable.ts";

await LocalDurableTestRunner.setupTestEnvironment();
const order = { id: "order-7", amount: 700 };

// A queue hands an order over twice, and Lambda starts two durable executions.
for (const delivery of ["first", "second"]) {
  const execution = await new LocalDurableTestRunner({ handlerFunction: handler }).run({ payload: order });
  console.log(`${delivery}:`, execution.getResult(), "invocations:", execution.getInvocations().length);
}
console.log("charges:", countCharges());
await LocalDurableTestRunner.teardownTestEnvironment();
