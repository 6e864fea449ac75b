import { devNull } from "node:os";
import { describe, expect, test } from "vitest";
import type { InvariantName } from "../../invariants.ts";
import { describeWithServer } from "../../../support/servers/describe-with-server.ts";
import { kafkaBinary } from "../../../support/servers/kafka.ts";
import { natsBinary } from "../../../support/servers/nats.ts";
import { postgresBinary } from "../../../support/servers/postgres.ts";
import { rabbitmqBinary } from "../../../support/servers/rabbitmq.ts";
import type { BrokerName } from "./broker.ts";
import { brokerOf } from "./brokers/index.ts";
import { type Guard, guards } from "./child.ts";
import type { EngineName } from "./engine.ts";
import { engineOf } from "./engines/index.ts";
import { repeatUntilHit, runsText } from "../repeat-until-hit.ts";
import { messagesText } from "./report.ts";
import { type MessagesResult, runMessages } from "./run-messages.ts";

/** A short run may miss a window or a breach, the more so on a busy machine. What so many miss can't be hit. */
const runsMax = 20;

/** The longest that a run may take on a busy machine. */
const timeoutMs = 1_800_000;

async function run(engine: EngineName, broker: BrokerName, seed: number, without?: Guard): Promise<MessagesResult> {
  return runMessages({
    engine: await engineOf(engine),
    broker: await brokerOf(broker),
    // Each fault comes at least once all the same.
    seconds: without === undefined ? 1 : 5,
    messages: 100,
    seed,
    without,
    trace: devNull,
  });
}

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));

describe.concurrent("messages, while processes and servers are killed", { timeout: timeoutMs }, () => {
  describeWithServer("from PostgreSQL", postgresBinary, () => {
    describeWithServer("through RabbitMQ", rabbitmqBinary, () => {
      // Servers that take long to come back. The windows are hit below, and by the command.
      test("no message is lost, doubled or out of order", async () => {
        const result = await run("postgres", "rabbitmq", seed);
        expect([...result.breaches, ...result.failures], messagesText(result)).toEqual([]);
        expect(result.kills, messagesText(result)).toBeGreaterThan(0);
      });
    });
  });

  describeWithServer("from SQLite through Kafka", kafkaBinary, () => {
    // A group takes seconds to find out that a member is gone. The windows are hit by the command.
    test("no message is lost, doubled or out of order", async () => {
      const result = await run("sqlite", "kafka", seed);
      expect([...result.breaches, ...result.failures], messagesText(result)).toEqual([]);
      expect(result.kills, messagesText(result)).toBeGreaterThan(0);
    });
  });

  describeWithServer("from SQLite through JetStream", natsBinary, () => {
    test("no message is lost, doubled or out of order, in every critical window", async () => {
      const runs = await repeatUntilHit((index) => run("sqlite", "nats", seed + index), runsMax);
      const text = runsText(runs, messagesText);
      expect(
        runs.results.flatMap(({ breaches, failures }) => [...breaches, ...failures]),
        text,
      ).toEqual([]);
      expect(runs.missed, text).toEqual([]);
    });

    const breaks: Record<Guard, InvariantName> = {
      inbox: "one-effect",
      "same-transaction": "only-commits-are-published",
      "ordering-key": "commit-order",
    };
    test.for(guards)("without the guard %s the run says so", async (guard) => {
      for (let runs = 1; ; runs += 1) {
        const result = await run("sqlite", "nats", seed + runs, guard);
        const broken = result.breaches.map(({ invariant }) => invariant);
        // The trace shows it, too: by the rules of the inbox, or of the outbox.
        const isRefused = (result.trace?.refused.length ?? 0) > 0;
        if (broken.includes(breaks[guard]) && isRefused) return;
        if (runs === runsMax)
          expect({ broken, isRefused }, messagesText(result)).toEqual({ broken: [breaks[guard]], isRefused: true });
      }
    });
  });
});
