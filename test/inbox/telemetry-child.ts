/** Starts an SDK and then the guide's program, in the folder of its argument; prints each message span with its parents. */
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

process.chdir(process.argv[2]!);
const spans = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
const { outbox, close } = await import("../../examples/guides/observe-messages.ts");

const shop = new DatabaseSync("shop.db", { timeout: 5000 });
await trace.getTracer("test").startActiveSpan("request", async (span) => {
  shop.exec("BEGIN IMMEDIATE");
  await outbox.add(shop, { topic: "order.placed", body: { id: "7" } });
  shop.exec("COMMIT");
  span.end();
});
const named = (word: string): ReadableSpan | undefined =>
  spans.getFinishedSpans().find(({ name }) => name.startsWith(word));
while (named("process") === undefined) await setTimeout(10);
await close();
await outbox.close();
const above = ({ parentSpanContext }: ReadableSpan): string =>
  spans.getFinishedSpans().find((span) => span.spanContext().spanId === parentSpanContext?.spanId)?.name ?? "nothing";
for (const word of ["create", "publish", "process"]) process.stdout.write(`${word} < ${above(named(word)!)}\n`);
process.exit();
