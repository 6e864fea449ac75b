import { describe, expect, test } from "vitest";
import type { InvariantName } from "../../invariants.ts";
import { describeWithServer } from "../../../support/servers/describe-with-server.ts";
import { natsBinary } from "../../../support/servers/nats.ts";
import { postgresBinary } from "../../../support/servers/postgres.ts";
import { rabbitmqBinary } from "../../../support/servers/rabbitmq.ts";
import type { BrokerName } from "./broker.ts";
import { brokerOf } from "./brokers/index.ts";
import { type Guard, guards } from "./child.ts";
import type { EngineName } from "./engine.ts";
import { engineOf } from "./engines/index.ts";
import { messagesText } from "./report.ts";
import { type MessagesResult, runMessages } from "./run-messages.ts";

/** A short run may miss a window or a breach, the more so on a busy machine. What so many miss can't be hit. */
const runsMax = 20;

/** What a busy machine may take. */
const timeoutMs = 1_800_000;

async function run(engine: EngineName, broker: BrokerName, without?: Guard): Promise<MessagesResult> {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));
  return runMessages({
    engine: await engineOf(engine),
    broker: await brokerOf(broker),
    // Each fault comes at least once all the same.
    seconds: without === undefined ? 1 : 5,
    messages: 100,
    seed,
    without,
  });
}

/** Runs until each critical window was hit. What is broken in any of them is broken. */
async function keepsInvariants(engine: EngineName, broker: BrokerName): Promise<void> {
  let missed: readonly string[] | undefined;
  for (let runs = 1; missed === undefined || missed.length > 0; runs += 1) {
    const result = await run(engine, broker);
    expect([...result.breaches, ...result.failures], messagesText(result)).toEqual([]);
    const { missedWindows } = result;
    missed = missed?.filter((window) => missedWindows.includes(window)) ?? missedWindows;
    if (runs === runsMax) expect(missed, messagesText(result)).toEqual([]);
  }
}

describe.concurrent("messages whose processes and servers are killed", { timeout: timeoutMs }, () => {
  describeWithServer("from PostgreSQL", postgresBinary, () => {
    describeWithServer("through RabbitMQ", rabbitmqBinary, () => {
      // Servers that take long to come back. The windows are hit below, and by the command.
      test("no message is lost, doubled or out of order", async () => {
        const result = await run("postgres", "rabbitmq");
        expect([...result.breaches, ...result.failures], messagesText(result)).toEqual([]);
        expect(result.kills, messagesText(result)).toBeGreaterThan(0);
      });
    });
  });

  describeWithServer("from SQLite through JetStream", natsBinary, () => {
    test("no message is lost, doubled or out of order, in every critical window", () =>
      keepsInvariants("sqlite", "nats"));

    const breaks: Record<Guard, InvariantName> = {
      inbox: "one-effect",
      "same-transaction": "only-commits-are-published",
      "ordering-key": "commit-order",
    };
    test.for(guards)("without the guard %s the run says so", async (guard) => {
      for (let runs = 1; ; runs += 1) {
        const result = await run("sqlite", "nats", guard);
        const broken = result.breaches.map(({ invariant }) => invariant);
        if (broken.includes(breaks[guard])) return;
        if (runs === runsMax) expect(broken, messagesText(result)).toContain(breaks[guard]);
      }
    });
  });
});
