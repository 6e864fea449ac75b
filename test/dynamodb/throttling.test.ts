import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { seededRandom } from "../../packages/testing/src/index.ts";
import { createTable, dynamodbClient, scanAll } from "../support/dynamodb/tables.ts";
import { type OpenWay, type Way, ways } from "../support/dynamodb/ways.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { startDynalite } from "../support/servers/dynalite.ts";
import { motoBinary, startMoto } from "../support/servers/moto.ts";
import { awsProxy, type AwsProxy, throttles } from "../support/servers/aws-proxy.ts";
import { waitMsMax } from "../support/wait-ms-max.ts";

const [table, effects] = ["once", "effects"];

/** A route behind a table that has too little capacity, and what it has done. */
interface Route {
  readonly respond: (request: Request) => Promise<Response>;
  /** The keys of the operations that had their effect, one for each. */
  effects(): Promise<readonly string[]>;
}

const order = (key: string): Request =>
  new Request("http://shop.example/orders", {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({ id: key }),
  });

const limits = { resultBytesMax: 300_000, storeMsMax: waitMsMax };

/** Effects elsewhere: in a list. */
function leasedRoute(client: OpenWay): Route {
  const done: string[] = [];
  const store = client.store({ table, prefix: "leased", requestMsMax: waitMsMax });
  const respond = onceWeb({ store, scope: "public", limits }, async (request) => {
    const { id } = (await request.json()) as { id: string };
    done.push(id);
    return Response.json({ id }, { status: 201 });
  });
  return { respond, effects: async () => [...done] };
}

/** Effects in the same transaction: each is another item, so two of one key would be seen. */
function transactionalRoute(client: OpenWay, direct: DynamoDBClient): Route {
  const store = client.store({ table, prefix: "transactional", requestMsMax: waitMsMax });
  const respond = onceWeb(
    { mode: "transactional", store, scope: "public", limits },
    async (request, { transaction }) => {
      const { id } = (await request.json()) as { id: string };
      transaction.put({ TableName: effects, Item: { pk: { S: crypto.randomUUID() }, id: { S: id } } });
      return Response.json({ id }, { status: 201 });
    },
  );
  return { respond, effects: async () => (await scanAll(direct, effects)).map(({ id }) => id!.S!) };
}

/** The rules for a table that is throttled. */
function itsRules(
  start: () => Promise<{ readonly url: string } & AsyncDisposable>,
  way: Way,
  open: (client: OpenWay, direct: DynamoDBClient) => Route,
): void {
  let server: Awaited<ReturnType<typeof start>>;
  let proxy: AwsProxy;
  let near: OpenWay;
  let direct: DynamoDBClient;
  let route: Route;
  beforeAll(async () => {
    server = await start();
    proxy = await awsProxy(server.url);
    // The client of a test asks once, so that each refusal reaches the store.
    [near, direct] = [way.open(proxy.url), dynamodbClient(server.url)];
    for (const name of [table, effects]) await createTable(direct, name);
    route = open(near, direct);
  });
  afterAll(async () => {
    near.destroy();
    direct.destroy();
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test.for(throttles)(
    "by %s before anything is claimed: a 503 that says when to come back, and no effect",
    async (name) => {
      const before = await route.effects();
      proxy.refuses = () => name;
      const response = await route.respond(order(`early-${name}`));
      expect(response.status).toBe(503);
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(await route.effects()).toEqual(before);
      proxy.refuses = () => undefined;
      expect((await route.respond(order(`early-${name}`))).status).toBe(201);
      expect(await route.effects()).toHaveLength(before.length + 1);
    },
  );

  test("at random: each of 30 orders, sent by three callers until it is answered, has one effect", async () => {
    const before = (await route.effects()).length;
    const seed = process.env["SEED"] ?? String(Math.floor(Math.random() * 1e9));
    const random = seededRandom(seed);
    let refused = 0;
    proxy.refuses = () => {
      if (random() > 0.3) return undefined;
      return throttles[refused++ % throttles.length];
    };
    const untilAnswered = async (key: string): Promise<void> => {
      for (;;) {
        const response = await route.respond(order(key));
        if (response.status === 201) return;
        // In transactional mode the handler ran before the commit was refused: 504 says to ask again.
        expect([409, 503, 504], `${await response.text()}, seed ${seed}`).toContain(response.status);
        if (response.status === 503) expect(response.headers.get("retry-after"), `seed ${seed}`).not.toBeNull();
        await setTimeout(20 * random());
      }
    };
    const keys = Array.from({ length: 30 }, (_, index) => `order-${seed}-${index}`);
    await Promise.all(keys.flatMap((key) => [1, 2, 3].map(() => untilAnswered(key))));
    proxy.refuses = () => undefined;
    const done = (await route.effects()).filter((id) => id.startsWith(`order-${seed}`));
    expect(done.toSorted(), `seed ${seed}`).toEqual(keys.toSorted());
    expect((await route.effects()).length - before).toBe(keys.length);
    expect(refused, `seed ${seed}`).toBeGreaterThan(10);
  });
}

describe.each(ways)("a leased route on a table that is throttled, by dynalite, $way", (way) => {
  itsRules(startDynalite, way, leasedRoute);
});

describeWithServer("a transactional route on a table that is throttled, by moto", motoBinary, () => {
  describe.each(ways)("$way", (way) => {
    itsRules(startMoto, way, transactionalRoute);
  });
});
