import { existsSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { lambdaRuntime } from "@once-again/testing";

// The function in processes as Lambda runs them, with a time-out of a second.
const file = fileURLToPath(new URL("charge.ts", import.meta.url));
const lambda = await lambdaRuntime({ file, timeoutMs: 1000 });
const order = { id: "order-7", amount: 700 };

const first = lambda.invoke(order);
while (!existsSync("charges.txt")) await setTimeout(10);
lambda.kill();
console.log("first:", (await first).kind);

// Lambda hands an event over again when its function has failed.
let repeat = await lambda.invoke(order);
for (let wait = 200; repeat.kind !== "answered"; wait *= 2) {
  await setTimeout(wait);
  repeat = await lambda.invoke(order);
}
console.log("repeat:", repeat.answer);
console.log("charges:", readFileSync("charges.txt", "utf8").trim());
await lambda[Symbol.asyncDispose]();
