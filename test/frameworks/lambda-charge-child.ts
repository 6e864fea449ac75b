import { appendFileSync, readFileSync } from "node:fs";
import process from "node:process";
import type { DatabaseSync } from "node:sqlite";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { onceLambda } from "../../packages/once-again/src/frameworks/lambda/index.ts";
import { dynamodbStore, type DynamodbTransaction } from "../../packages/once-again/src/stores/dynamodb/index.ts";
import * as withoutSdk from "../../packages/once-again/src/stores/dynamodb/without-sdk/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import type { TransactionalStore } from "../../packages/once-again/src/stores/store.ts";
import { awsClientOptions } from "../support/servers/moto.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

// Functions of Lambda with an effect each: a line of a file, or a row beside the key. An event says where they stand still. Their
// keys are in the SQLite file KEYS, or in DynamoDB at AWS_URL, by the SDK or, with WITHOUT_SDK, without it.

/** A charge, and where its function stands still: before its effect, or after it. */
export interface ChargeEvent {
  readonly id: string;
  readonly hangs?: "before" | "after" | undefined;
}

/** A store, and how a row is written in its transactions. */
interface Rows<Transaction> {
  readonly store: TransactionalStore<Transaction>;
  write(transaction: Transaction, id: string): void;
}

const inSqlite = (path: string): Rows<DatabaseSync> => ({
  store: sqliteStore({ path }),
  write: (transaction, id) => void transaction.prepare("INSERT INTO charges VALUES (?)").run(id),
});

const inDynamodb = (url: string): Rows<DynamodbTransaction> => ({
  store:
    process.env["WITHOUT_SDK"] === undefined
      ? dynamodbStore(new DynamoDBClient(awsClientOptions({ url })), { table: "once", requestMsMax: waitMsMax })
      : withoutSdk.dynamodbStore(withoutSdk.dynamodbClient(awsClientOptions({ url })), {
          table: "once",
          requestMsMax: waitMsMax,
        }),
  write(transaction, id) {
    // A second charge of an order would fail.
    const ConditionExpression = "attribute_not_exists(pk)";
    transaction.put({ TableName: "charges", Item: { pk: { S: id } }, ConditionExpression });
  },
});

const { KEYS: path, AWS_URL: url = "", EFFECTS: effects = "" } = process.env;
const { store, write } = (path === undefined ? inDynamodb(url) : inSqlite(path)) as Rows<unknown>;
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
    // The charges are a file, which can be looked at.
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
    write(transaction, id);
    if (hangs !== undefined) await forever;
    return { charged: id };
  },
);
