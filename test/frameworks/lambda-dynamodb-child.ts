import { appendFileSync, readFileSync } from "node:fs";
import process from "node:process";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { onceLambda } from "../../packages/once-again/src/frameworks/lambda/index.ts";
import { dynamodbStore } from "../../packages/once-again/src/stores/dynamodb/index.ts";
import { awsClientOptions } from "../support/servers/moto.ts";
import type { ChargeEvent } from "./lambda-charge-child.ts";

// The functions of lambda-charge-child.ts, with their keys in a table of DynamoDB.

const { AWS_URL: url = "", EFFECTS: effects = "" } = process.env;
const store = dynamodbStore(new DynamoDBClient(awsClientOptions({ url })), { table: "once" });
const forever = new Promise<never>(() => undefined);
const say = (text: string): void => appendFileSync(effects, `${text}\n`);

const charge = async ({ id, hangs }: ChargeEvent): Promise<{ charged: string }> => {
  say(`began ${id}`);
  if (hangs === "before") await forever;
  say(`charged ${id}`);
  if (hangs === "after") await forever;
  return { charged: id };
};
const key = ({ id }: ChargeEvent): string => id;
const byId = { store, key, fingerprint: key, resultBytesMax: 100_000 };

export const leased = onceLambda({ ...byId, scope: "leased" }, charge);

export const looking = onceLambda(
  {
    ...byId,
    scope: "looking",
    onUnknown: async (_execution, { id }) =>
      readFileSync(effects, "utf8").includes(`charged ${id}\n`) ? { found: { charged: id } } : { absent: "quiesced" },
    quiesceMs: 1,
  },
  charge,
);

export const transactional = onceLambda(
  { ...byId, mode: "transactional", scope: "transactional" },
  async ({ id, hangs }: ChargeEvent, { transaction }) => {
    say(`began ${id}`);
    transaction.put({
      TableName: "charges",
      Item: { pk: { S: id } },
      // A second charge of an order would fail.
      ConditionExpression: "attribute_not_exists(pk)",
    });
    if (hangs !== undefined) await forever;
    return { charged: id };
  },
);
