import { setTimeout } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { type OutboxMessage, openRelay } from "../../../packages/once-again/src/messaging/outbox/index.ts";
import { seededRandom } from "../../../packages/testing/src/index.ts";
import { type Child, startChild } from "../child.ts";
import { startHttpServer } from "../http-server.ts";
import { type EngineName, type EngineOutbox, outboxEngines } from "./engines.ts";

const seed = process.env["SEED"] ?? String(Math.floor(Math.random() * 1e9));
const keys = 5;

/** The messages that a broker took, repeats included, in the order in which they came: key and id. */
type Taken = [orderingKey: string, id: string][];

/** Ids by their keys, in their order; of repeats the first. */
function idsByKey(taken: Readonly<Taken>): Map<string, string[]> {
  const byKey = new Map<string, Set<string>>();
  for (const [key, id] of taken) byKey.set(key, (byKey.get(key) ?? new Set()).add(id));
  return new Map([...byKey].map(([key, ids]) => [key, [...ids]]));
}

/**
 * So many transactions, as many at a time as the engine has, in an order that chance decides: some add several messages, some
 * none without a key, some roll back. Resolves with what is committed: of each key in the order in which the key was had.
 */
async function writeAtOnce(
  { outbox, begin }: EngineOutbox,
  writers: number,
  paceMs: number,
): Promise<Map<string, string[]>> {
  const random = seededRandom(seed);
  const committed = new Map<string, string[]>([["", []]]);
  const write = async (writer: number, delayMs: number): Promise<void> => {
    const key = random() < 0.3 ? undefined : `key-${Math.floor(random() * keys)}`;
    const [commits, count, holdMs] = [random() < 0.8, 1 + Math.floor(random() * 3), Math.floor(random() * 8)];
    await setTimeout(delayMs);
    const { transaction, commit, rollback } = await begin();
    const ids = committed.get(key ?? "") ?? [];
    committed.set(key ?? "", ids);
    for (let index = 0; index < count; index += 1) {
      const id = `${writer}-${index}`;
      await outbox.add(transaction, { id, topic: "orders", orderingKey: key, body: { writer } });
      // The key is ours until this transaction ends: no message comes between these.
      if (commits) ids.push(id);
    }
    await setTimeout(holdMs);
    await (commits ? commit() : rollback());
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer, random() * paceMs)));
  return committed;
}

async function emptied({ outbox }: EngineOutbox): Promise<void> {
  while ((await outbox.backlog()).messages > 0) await setTimeout(50);
}

function expectAllInOrder(taken: Taken, committed: Map<string, string[]>): void {
  const found = idsByKey(taken);
  const [free, expectedFree] = [found.get("") ?? [], committed.get("") ?? []];
  expect(free.toSorted(), `without a key, seed ${seed}`).toEqual(expectedFree.toSorted());
  for (const [key, ids] of committed) {
    if (key !== "" && ids.length > 0) expect(found.get(key), `${key}, seed ${seed}`).toEqual(ids);
  }
}

/** Relays in processes of their own, and one more that is ready to take the place of one that is killed. */
async function mortalRelays(count: number, engine: EngineName, database: string, ledger: string) {
  const relays = new Map<string, Child>();
  const ready = async (): Promise<[pid: string, child: Child]> => {
    const child = startChild("../outbox/relay-child.ts", engine, database, ledger);
    return [await child.line(), child];
  };
  const begin = ([pid, child]: [pid: string, child: Child]): void => {
    relays.set(pid, child);
    child.tell("begin");
  };
  for (const relay of await Promise.all(Array.from({ length: count }, ready))) begin(relay);
  let spare = ready();
  return {
    async kill(pid: string): Promise<void> {
      await relays.get(pid)!.kill();
      begin(await spare);
      spare = ready();
    },
    ended: async () => void (await spare),
  };
}

/** An outbox with its table, until the running test ends. */
async function opened(engine: EngineName, database: string, transactionsMax?: number): Promise<EngineOutbox> {
  const outbox = outboxEngines[engine](database, { transactionsMax });
  onTestFinished(() => outbox.close());
  await outbox.migrate();
  return outbox;
}

/** The rules for relays on any engine, also when they are killed. */
export function relayRuns(engine: EngineName, create: () => Promise<string>): void {
  relaysInOrder(engine, create, 1000);
  killedRelays(engine, create, { writersMax: 1000, messagesPerKill: 150 });
}

export function relaysInOrder(engine: EngineName, create: () => Promise<string>, writersMax: number): void {
  test(`${writersMax} writers and 4 relays: what is committed is published once, none skipped, each key in order`, async () => {
    const database = await create();
    const writers = await opened(engine, database, 100);
    const taken: Taken = [];
    const publish = async ({ id, orderingKey = "" }: OutboxMessage): Promise<void> => {
      // A broker has received a message before its confirmation is back.
      taken.push([orderingKey, id]);
      await setTimeout(1);
    };
    const outboxes = await Promise.all(Array.from({ length: 4 }, () => opened(engine, database)));
    const relays = outboxes.map(({ outbox }) => openRelay({ outbox, publish, concurrency: 16 }));
    const committed = await writeAtOnce(writers, writersMax, 2000);
    await emptied(writers);
    await Promise.all(relays.map((relay) => relay.close()));
    expectAllInOrder(taken, committed);
    expect(taken, "no relay died, so there is no repeat").toHaveLength(new Set(taken.map(([, id]) => id)).size);
  });
}

export function killedRelays(
  engine: EngineName,
  create: () => Promise<string>,
  { writersMax, messagesPerKill }: { readonly writersMax: number; readonly messagesPerKill: number },
): void {
  test(`the same with a relay killed every ${messagesPerKill} messages, between a publish and its confirmation`, async () => {
    const database = await create();
    const writers = await opened(engine, database, 100);
    const taken: Taken = [];
    let kills = 0;
    const ledger = await startHttpServer(async (request, response) => {
      const chunks = await request.toArray();
      const [orderingKey, id, pid] = JSON.parse(Buffer.concat(chunks).toString()) as [string, string, string];
      taken.push([orderingKey, id]);
      // By the work that was done, not by the time, so that a slow machine finishes, too.
      if (taken.length % messagesPerKill === 0) {
        // The broker has the message, and the relay will never hear so.
        kills += 1;
        await relays.kill(pid);
      } else await setTimeout(2);
      response.end();
    });
    const relays = await mortalRelays(4, engine, database, ledger);
    const committed = await writeAtOnce(writers, writersMax, 4000);
    await emptied(writers);
    await relays.ended();
    expectAllInOrder(taken, committed);
    expect(kills).toBeGreaterThan(3);
    const repeats = taken.length - new Set(taken.map(([, id]) => id)).size;
    expect(repeats, `each relay was killed between a publish and its end, seed ${seed}`).toBeGreaterThanOrEqual(kills);
  });
}
