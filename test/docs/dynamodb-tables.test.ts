import {
  CreateTableCommand,
  type CreateTableCommandInput,
  type DynamoDBClient,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import {
  dynamodbOutbox,
  type DynamodbOutbox,
  type DynamodbStore,
  dynamodbStore,
} from "../../packages/once-again/src/stores/dynamodb/index.ts";
import { createTable, dynamodbClient } from "../support/dynamodb/tables.ts";
import { ways } from "../support/dynamodb/ways.ts";
import { guideBlock, guidePermissions, watchPermissions } from "../support/dynamodb/permissions.ts";
import { longClaim } from "../support/long-claim.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { motoBinary, startMoto } from "../support/servers/moto.ts";
import { waitMsMax as requestMsMax } from "../support/wait-ms-max.ts";

/** The properties of AWS::DynamoDB::Table, as CloudFormation has them. */
type TableProperties = CreateTableCommandInput & {
  readonly TableName: string;
  readonly TimeToLiveSpecification: { readonly AttributeName: string; readonly Enabled: boolean };
  readonly PointInTimeRecoverySpecification: { readonly PointInTimeRecoveryEnabled: boolean };
};

/** A key of a table or an index: the partition's attribute, and the one that sorts. */
function keySchema(partition: string, sort?: string): CreateTableCommandInput["KeySchema"] {
  const range = sort === undefined ? [] : [{ AttributeName: sort, KeyType: "RANGE" as const }];
  return [{ AttributeName: partition, KeyType: "HASH" }, ...range];
}

function inSam(): TableProperties {
  const { Keys } = parse(guideBlock("# SAM")) as { Keys: { Type: string; Properties: TableProperties } };
  expect(Keys.Type).toBe("AWS::DynamoDB::Table");
  return Keys.Properties;
}

interface CdkAttribute {
  readonly name: string;
  readonly type: "S";
}

/** Runs the statements of CDK with a stand-in for its Table, which refuses what it does not know. */
function inCdk(): TableProperties {
  let properties: Partial<TableProperties> = {};
  const attributes: CdkAttribute[] = [];
  class Table {
    constructor(_scope: unknown, _id: string, given: Record<string, unknown>) {
      const { tableName, partitionKey, billingMode, timeToLiveAttribute, pointInTimeRecoverySpecification, ...more } =
        given as { tableName: string; partitionKey: CdkAttribute; timeToLiveAttribute: string } & typeof given;
      expect(more).toEqual({});
      const { pointInTimeRecoveryEnabled } = pointInTimeRecoverySpecification as Record<string, boolean>;
      attributes.push(partitionKey);
      properties = {
        TableName: tableName,
        BillingMode: billingMode as "PAY_PER_REQUEST",
        KeySchema: keySchema(partitionKey.name),
        TimeToLiveSpecification: { AttributeName: timeToLiveAttribute, Enabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: pointInTimeRecoveryEnabled! },
      };
    }

    addGlobalSecondaryIndex(given: Record<string, unknown>): void {
      const { indexName, partitionKey, sortKey, projectionType, nonKeyAttributes, ...more } = given as {
        partitionKey: CdkAttribute;
        sortKey: CdkAttribute;
        nonKeyAttributes: string[];
      } & typeof given;
      expect(more).toEqual({});
      attributes.push(partitionKey, sortKey);
      const index = {
        IndexName: indexName as string,
        KeySchema: keySchema(partitionKey.name, sortKey.name),
        Projection: { ProjectionType: projectionType as "INCLUDE", NonKeyAttributes: nonKeyAttributes },
      };
      properties = { ...properties, GlobalSecondaryIndexes: [...(properties.GlobalSecondaryIndexes ?? []), index] };
    }
  }
  const given = {
    Table,
    AttributeType: { STRING: "S" },
    BillingMode: { PAY_PER_REQUEST: "PAY_PER_REQUEST" },
    ProjectionType: { INCLUDE: "INCLUDE" },
  };
  // oxlint-disable-next-line no-implied-eval -- The guide's own statements.
  new Function(...Object.keys(given), guideBlock("// CDK"))(...Object.values(given));
  const definitions = attributes.map(({ name, type }) => ({ AttributeName: name, AttributeType: type }));
  return { ...(properties as TableProperties), AttributeDefinitions: definitions };
}

/** A block of Terraform: its attributes, and the blocks in it, in lists. */
interface TerraformBlock {
  readonly [name: string]: string | boolean | readonly string[] | readonly TerraformBlock[];
}

/** Reads the part of Terraform's language that tables are written in. @throws SyntaxError for any other. */
function readTerraform(source: string): TerraformBlock {
  const tokens = source.replaceAll(/^#.*$/gm, "").match(/"[^"]*"|[\w.]+|[^\s\w]/g) ?? [];
  let at = 0;
  const take = (expected?: string): string => {
    const token = tokens[at] ?? "the end";
    if (expected !== undefined && token !== expected) throw new SyntaxError(`${expected} is not there, but ${token}.`);
    at += 1;
    return token;
  };
  const value = (): string | boolean | string[] => {
    const token = take();
    if (token.startsWith('"') || token === "true" || token === "false") return JSON.parse(token) as string | boolean;
    if (token !== "[") throw new SyntaxError(`A value is not there, but ${token}.`);
    const items: string[] = [];
    while (tokens[at] !== "]") {
      items.push(value() as string);
      if (tokens[at] !== "]") take(",");
    }
    take("]");
    return items;
  };
  const body = (end: string | undefined): TerraformBlock => {
    const block: Record<string, string | boolean | string[] | TerraformBlock[]> = {};
    while (tokens[at] !== end) {
      const name = take();
      if (tokens[at] === "=") {
        take("=");
        block[name] = value();
        continue;
      }
      while (tokens[at]?.startsWith('"')) take();
      take("{");
      block[name] = [...((block[name] as TerraformBlock[] | undefined) ?? []), body("}")];
      take("}");
    }
    return block;
  };
  return body(undefined);
}

function inTerraform(): TableProperties {
  const { resource, ...others } = readTerraform(guideBlock("# Terraform")) as Record<string, TerraformBlock[]>;
  expect(others).toEqual({});
  const [table] = resource!;
  const { name, billing_mode, hash_key, attribute, global_secondary_index, ttl, point_in_time_recovery, ...more } =
    table as Record<string, string> & {
      readonly [blocks in "attribute" | "global_secondary_index" | "ttl" | "point_in_time_recovery"]: Record<
        string,
        never
      >[];
    };
  expect(more).toEqual({});
  return {
    TableName: name!,
    BillingMode: billing_mode as "PAY_PER_REQUEST",
    AttributeDefinitions: attribute.map((one) => ({ AttributeName: one["name"]!, AttributeType: one["type"]! })),
    KeySchema: keySchema(hash_key!),
    GlobalSecondaryIndexes: global_secondary_index.map((index) => ({
      IndexName: index["name"]!,
      KeySchema: keySchema(index["hash_key"]!, index["range_key"]),
      Projection: { ProjectionType: index["projection_type"]!, NonKeyAttributes: index["non_key_attributes"]! },
    })),
    TimeToLiveSpecification: { AttributeName: ttl[0]!["attribute_name"]!, Enabled: ttl[0]!["enabled"]! },
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: point_in_time_recovery[0]!["enabled"]! },
  };
}

test("CDK, SAM and Terraform define one table, with the index of an outbox", () => {
  expect(inCdk()).toEqual(inSam());
  expect(inTerraform()).toEqual(inSam());
});

describeWithServer("the table of the guide to DynamoDB, by moto", motoBinary, () => {
  let server: Awaited<ReturnType<typeof startMoto>>;
  let client: DynamoDBClient;
  beforeAll(async () => {
    server = await startMoto();
    client = dynamodbClient(server.url);
  });
  afterAll(async () => {
    client.destroy();
    await server[Symbol.asyncDispose]();
  });
  const result = new Uint8Array();
  /** Adds messages of one ordering key, and one without. */
  const addMessages = (store: DynamodbStore, outbox: DynamodbOutbox, ids: readonly string[]) =>
    store.transact({ ...longClaim(ids.join()), retentionMs: 60_000 }, async (transaction) => {
      for (const id of ids) await outbox.add(transaction, { id, topic: "orders", orderingKey: "7", body: "tea" });
      await outbox.add(transaction, { topic: "orders", body: "tea" });
      return { keep: "commit", result, value: undefined };
    });
  const relay = { owner: "relay", leaseMs: 60_000, limit: 10, messagesPerKey: 10 };

  test("it can be made as SAM has it, and is healthy; a message goes through its index", async () => {
    const { TimeToLiveSpecification, PointInTimeRecoverySpecification, ...table } = inSam();
    const { TableName } = table;
    await client.send(new CreateTableCommand(table));
    await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
    await client.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification }));
    const store = dynamodbStore(client, { table: TableName, requestMsMax });
    expect(await store.health()).toEqual({ isHealthy: true, problems: [] });
    const outbox = dynamodbOutbox(client, { table: TableName, requestMsMax });
    await addMessages(store, outbox, ["one"]);
    const { batches } = await outbox.claim(relay);
    expect(batches.flatMap(({ messages }) => messages.map(({ id }) => id))).toContain("one");
  });

  /** The acts of each role of the guide's policy. */
  const acts: Readonly<Record<string, (store: DynamodbStore, outbox: DynamodbOutbox) => Promise<void>>> = {
    async Server(store, outbox) {
      const [claim, given] = [longClaim("claimed"), longClaim("given")];
      await store.claim(claim);
      await store.renew({ ...claim, leaseMs: 60_000 });
      await store.checkpoint({ ...claim, step: "s", result });
      await store.transactStep({ ...claim, step: "t" }, async () => result);
      await store.complete({ ...claim, result, retentionMs: 60_000 });
      await store.claim(given);
      await store.release(given);
      await addMessages(store, outbox, ["a"]);
      await store.transactUnkeyed(async (transaction) => {
        await store.moveMark(transaction, { scope: "s", key: "mark", position: 1 });
        return { keep: "commit", result, value: undefined };
      });
    },
    async Relay(_store, outbox) {
      const { batches } = await outbox.claim(relay);
      const messages = batches.flatMap((batch) => batch.messages);
      const [first, ...others] = messages.filter(({ id }) => ["a", "b", "c"].includes(id));
      await outbox.postpone(others.map(({ position }) => ({ position, owner: relay.owner, delayMs: 0 })));
      await outbox.confirm([first!.position]);
      const again = await outbox.claim(relay);
      const [next, last] = again.batches.flatMap((batch) => batch.messages).filter(({ id }) => ["b", "c"].includes(id));
      const given = { owner: relay.owner, delayMs: 0, refusal: "no", park: "pass" } as const;
      await outbox.postpone([next!, last!].map(({ position }) => ({ ...given, position })));
    },
    async People(store, outbox) {
      await store.list({ limit: 10 });
      const { scope, key } = longClaim("held");
      await store.inspect({ scope, key });
      expect(await store.resolve({ scope, key, settlement: { as: "not-executed" } })).toBe(true);
      expect(await outbox.listUnconfirmed()).toHaveLength(2);
      expect(await outbox.retryParked("b")).toBe(true);
      expect(await outbox.discardParked("c")).toBe(true);
      await outbox.showUnconfirmed("b");
      await outbox.backlog();
      await outbox.listPlaces();
    },
    async Health(store) {
      expect((await store.health()).problems).toEqual([]);
    },
  };

  test.each(ways)("its policy allows to each role what it sends, and no more: $way", async (way) => {
    const options = { table: await createTable(client, way.way.replaceAll(" ", "-")), requestMsMax };
    const [store, outbox] = [dynamodbStore(client, options), dynamodbOutbox(client, options)];
    await addMessages(store, outbox, ["a", "b", "c"]);
    const held = longClaim("held");
    await store.claim(held);
    await store.renew({ ...held, leaseMs: 0 });
    const needed = new Map<string, readonly string[]>();
    for (const [role, act] of Object.entries(acts)) {
      const ofRole = way.open(server.url);
      const permissions = watchPermissions(ofRole);
      await act(ofRole.store(options), ofRole.outbox(options));
      ofRole.destroy();
      needed.set(role, [...permissions].sort());
    }
    const allowed = [...guidePermissions()].map(([role, permissions]) => [role, permissions.toSorted()] as const);
    expect(Object.fromEntries(needed)).toEqual(Object.fromEntries(allowed));
  });
});
