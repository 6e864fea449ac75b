import { dynamodbKit } from "../../../../packages/once-again/src/stores/dynamodb/kit.ts";
import { startDynalite } from "../../../support/servers/dynalite.ts";
import { motoBinary, startMoto } from "../../../support/servers/moto.ts";
import type { TestedStore } from "../../store-kit.ts";

const itsTransactions = "a transaction is a list of writes, without statements: transact.test.ts has its cases";

export const dynamodb: TestedStore = {
  kit: dynamodbKit,
  servers: [
    { title: "DynamoDB by moto", binary: motoBinary, start: () => startMoto(), isSlow: true },
    // It returns no item with a refusal, which takes the longer way.
    { title: "DynamoDB by dynalite", start: startDynalite, onlyFor: ["contract", "clock"] },
  ],
  parts: async () => (await import("./parts.ts")).dynamodbParts,
  contract: { clockDoubtMs: 2100, purges: false },
  crash: {
    engine: async () => (await import("./crash.ts")).dynamodbEngine,
    operations: ["throttled-requests", "rolling-restart", "stalled-event-loop", "moved-clocks"],
  },
  without: {
    transactions: itsTransactions,
    "inbox-transactional": itsTransactions,
    "verify-transactional": itsTransactions,
    failover: "it is a service",
    given: "a service, with a table for each set of records",
  },
};
