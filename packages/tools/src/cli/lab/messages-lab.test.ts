import { once } from "node:events";
import amqplib from "amqplib";
import { connect as connectNats } from "@nats-io/transport-node";
import { jetstreamManager } from "@nats-io/jetstream";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { type LabCommand, labCommand, shippedLines } from "../../../../../test/support/lab-command.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { natsBinary, startNats } from "../../../../../test/support/servers/nats.ts";
import { rabbitmqBinary, startRabbitmq } from "../../../../../test/support/servers/rabbitmq.ts";
import { queueName } from "../../lab/messages/brokers/broker.ts";
import { openBroker } from "../../lab/messages/brokers/open-broker.ts";
import { isClean, type MessagesResult, type SideResult } from "../../lab/messages/messages-result.ts";
import { exitCodes } from "once-again/internal/command";
import { formatMessagesReport } from "./messages-report-text.ts";
import { exitCodeOf } from "./stories.ts";

let lab: LabCommand;
beforeEach(() => {
  lab = labCommand("--story", "messages");
});

/** Runs the story with a broker, and holds its report to what it promises. */
async function expectSafe(broker: MessagesResult["broker"], ...flags: string[]): Promise<void> {
  const { code, stdout, stderr } = await lab.run(
    "--orders",
    lab.orders(shippedLines.slice(0, 30)),
    "--seed",
    "2",
    "--json",
    ...flags,
  );
  expect(stderr).toBe("");
  const { careless, safe, ...rest } = JSON.parse(stdout) as MessagesResult;
  expect(rest).toMatchObject({ seed: 2, faults: 0.3, broker });
  expect(safe).toMatchObject({ orders: 30, saved: 30, shipments: 30, duplicates: 0, lost: 0, wrongAmounts: 0 });
  // A message that is published or delivered twice is shipped twice; one that was saved before a crash is lost.
  expect(careless).toMatchObject({ saved: 30, wrongAmounts: 0 });
  expect(careless.duplicates + careless.lost).toBeGreaterThan(0);
  expect(careless.shipments).toBe(30 - careless.lost + careless.duplicates);
  expect(safe.deliveries.repeats).toBeGreaterThan(0);
  for (const { publishes } of [careless, safe]) {
    const { total, pass, fail } = publishes;
    expect(pass + fail + publishes["lose-request"] + publishes["lose-answer"]).toBe(total);
  }
  expect(rest.crashes.service).toBeGreaterThan(0);
  expect(rest.crashes.shipping).toBeGreaterThan(0);
  expect(code).toBe(exitCodes.fine);
  expect(lab.leftBehind()).toEqual([]);
}

/** Each run starts some twenty processes, one after the other. */
const timeout = 600_000;

test("on the same faults and crashes, outbox and inbox ship each order once", { timeout }, () =>
  expectSafe("embedded"),
);

describeWithServer("through RabbitMQ", rabbitmqBinary, () => {
  test("the same", { timeout }, async () => {
    await using server = await startRabbitmq();
    await expectSafe("rabbitmq", "--broker", server.url);
  });

  test("a run's queues go with it", { timeout }, async () => {
    await using server = await startRabbitmq();
    const broker = await openBroker({ kind: "rabbitmq", url: server.url }, { seed: 1, faults: 0 });
    const queue = queueName(broker.address, "safe");
    expect(await broker.waiting("safe")).toBe(0);
    await broker[Symbol.asyncDispose]();
    const connection = await amqplib.connect(server.url);
    const channel = await connection.createChannel();
    channel.on("error", () => undefined);
    await expect(channel.checkQueue(queue)).rejects.toThrow("NOT_FOUND");
    await connection.close();
  });
});

describeWithServer("through NATS JetStream", natsBinary, () => {
  test("the same, and no stream is left", { timeout }, async () => {
    await using server = await startNats();
    await expectSafe("nats", "--broker", server.url);
    const connection = await connectNats({ servers: server.url });
    onTestFinished(() => connection.close());
    const streams: unknown[] = [];
    for await (const stream of (await jetstreamManager(connection)).streams.list()) streams.push(stream);
    expect(streams).toEqual([]);
  });
});

test("an interrupt ends the run, its processes and its folder", async () => {
  const child = lab.start("--orders", lab.orders(shippedLines.slice(0, 200)));
  const closed = once(child, "close");
  await expect.poll(lab.leftBehind).not.toEqual([]);
  child.kill("SIGINT");
  expect(await closed).toEqual([exitCodes.interrupted, null]);
  expect(lab.leftBehind()).toEqual([]);
});

test.for<[flags: string[], problem: string]>([
  [["--story", "letters"], "Allowed choices are requests, messages, checkout"],
  [["--story", "requests", "--broker", "nats"], "--broker is for --story messages"],
  [["--broker", "kafka"], "rabbitmq or nats"],
  [["--broker", "kafka://localhost"], "rabbitmq or nats"],
  [["--broker", "amqp://127.0.0.1:1"], "can't use the broker"],
  [["--broker", "nats://127.0.0.1:1"], "can't use the broker"],
  [["--faults", "0.95"], "at most 0.9"],
])("%s is wrong usage", async ([flags, problem]) => {
  const { code, stdout, stderr } = await lab.run(...flags);
  expect(stderr).toContain(problem);
  expect({ code, stdout }).toEqual({ code: exitCodes.usage, stdout: "" });
});

const clean: SideResult = {
  orders: 1000,
  saved: 1000,
  shipments: 1000,
  duplicates: 0,
  lost: 0,
  wrongAmounts: 0,
  publishes: { total: 1492, pass: 1024, "lose-request": 137, fail: 165, "lose-answer": 166 },
  deliveries: { total: 1561, acknowledgementsLost: 156, repeats: 561 },
  timeMs: 12_340,
};
const careless: SideResult = { ...clean, shipments: 1107, duplicates: 128, lost: 21 };
const crashes = { service: 5, shipping: 1 };
const result: MessagesResult = { seed: 7, faults: 0.3, broker: "rabbitmq", crashes, careless, safe: clean };

test.for(["duplicates", "lost", "wrongAmounts", "saved"] as const)(
  "%s of the safe side decide the exit code",
  (key) => {
    const bad = { ...clean, [key]: 1 };
    expect(exitCodeOf({ ...result, safe: bad }, isClean)).toBe(exitCodes.bad);
    expect(exitCodeOf({ ...result, careless: bad }, isClean)).toBe(exitCodes.fine);
  },
);

test("the report has both sides beside each other", () => {
  expect(formatMessagesReport(result)).toMatchInlineSnapshot(`
    "1,000 orders through RabbitMQ, seed 7; 30% of messages meet a fault.
    Each order service is killed 5 times, each shipping once.
    The careless service saves, then publishes; its shipping ships what comes.
    The safe one has an outbox and a relay; its shipping has an inbox.

                                      careless          safe
    orders                               1,000         1,000
    saved                                1,000         1,000
    shipments in the ledger              1,107         1,000
    shipped too often                      128             0
    never shipped                           21             0
    wrong amounts                            0             0
    messages published                   1,492         1,492
      without a fault                    1,024         1,024
      never arrived                        137           137
      refused by the broker                165           165
      confirmation lost                    166           166
    messages handled                     1,561         1,561
      known already                        561           561
      acknowledgement lost                 156           156
    time                                12.3 s        12.3 s

    Careless: 128 parcels too many, 21 orders never shipped.
    Safe: every order saved and shipped once.
    "
  `);
});
