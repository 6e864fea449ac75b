import type { StoreKit } from "../kit.ts";

export const dynamodbKit = {
  name: "dynamodb",
  title: "DynamoDB",
  page: "guides/dynamodb.md",
  drivers: [{ title: "DynamoDB", package: "@aws-sdk/client-dynamodb", range: "^3.600.0" }],
  modes: ["leased", "transactional"],
  holds: ["outbox"],
  urls: {
    schemes: ["dynamodb"],
    form: "dynamodb://REGION/TABLE (…?prefix=shop)",
    outboxForm: "dynamodb://REGION/TABLE (…?prefix=shop)",
    parameters: ["prefix"],
    open: async () => {
      const { openDynamodb, openDynamodbOutbox } = await import("./open.ts");
      return { store: openDynamodb, outbox: openDynamodbOutbox };
    },
  },
  migrates: false,
  mistaken: [
    {
      methods: ["send", "destroy"],
      advice:
        "a client of the SDK of AWS: give a DynamoDBClient to dynamodbStore and dynamodbOutbox of once-again/stores/dynamodb",
    },
    {
      methods: ["request", "destroy"],
      butNot: ["send"],
      advice:
        "a client of dynamodbClient(): give it to dynamodbStore and dynamodbOutbox of once-again/stores/dynamodb/without-sdk",
    },
  ],
  entries: ["without-sdk"],
  ownFiles: [
    "api-types",
    "conditional-write",
    "without-sdk",
    "outbox-claims",
    "outbox-ends",
    "outbox-format",
    "outbox-items",
    "server-time",
  ],
} as const satisfies StoreKit;
