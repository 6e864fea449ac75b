import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AsyncStore, TransactionalStore } from "../../../packages/once-again/src/stores/store.ts";
import type { TestedStore } from "../../kits/store-kit.ts";
import type { Ground, Place, Row } from "./ground.ts";

/** Places of a store, by the name that the command knows each by: leased, and in transactions by each of its clients. */
export async function placesOf(tested: TestedStore): Promise<Readonly<Record<string, () => Promise<Place>>>> {
  const { name } = tested.kit;
  const { clients, ownDatabase } = await tested.parts();
  const leased = (["hold", "look"] as const).map((onUnknown): [string, () => Promise<Place>] => {
    const place = `${name}-${onUnknown}`;
    return [place, () => leasedPlaceOf(place, tested, onUnknown)];
  });
  const transactional = Object.keys(ownDatabase === undefined ? {} : clients).map(
    (client): [string, () => Promise<Place>] => {
      const place = `${name}-${client}`;
      return [place, () => transactionalPlace(place, tested, client)];
    },
  );
  return Object.fromEntries([...leased, ...transactional]);
}

/** Effects are rows of the database that has the keys. */
async function transactionalPlace(name: string, tested: TestedStore, client: string): Promise<Place> {
  const { ownDatabase } = await tested.parts();
  const server = await placeOf(tested);
  const own = await ownDatabase!(server.url, client);
  const stores = [own.store, await own.open()] as TransactionalStore<unknown>[];
  return {
    name,
    grounds: inTransactions(
      stores,
      async (transaction, statement) => own.execute(transaction as never, statement),
      (row) => `INSERT INTO effects VALUES ('${JSON.stringify(row)}')`,
    ),
    rows: async (program) => rowsOf(program, await own.effects()),
    async [Symbol.asyncDispose]() {
      for (const store of stores) await store.close();
      await own[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Effects are anywhere. Two stores, by the first client and by the last, stand for two processes. */
async function leasedPlaceOf(name: string, tested: TestedStore, onUnknown: "hold" | "look"): Promise<Place> {
  const clients = Object.values((await tested.parts()).clients);
  const server = await placeOf(tested);
  const open = async (client: (typeof clients)[number]): Promise<AsyncStore> =>
    (await client(server.url, "programs", { connectionsMax: 10 })) as AsyncStore;
  const stores = [await open(clients[0]!), await open(clients.at(-1)!)] as const;
  return leasedPlace(name, onUnknown, stores, async () => {
    for (const store of stores) await store.close();
    await server[Symbol.asyncDispose]();
  });
}

/** A server of a store's, and a folder where it has none, until the place is closed. */
async function placeOf({ servers }: TestedStore): Promise<{ readonly url: string } & AsyncDisposable> {
  const [server] = servers;
  if (server !== undefined) return server.start();
  const url = await mkdtemp(join(tmpdir(), "once-again-programs-"));
  return { url, [Symbol.asyncDispose]: () => rm(url, { recursive: true, force: true }) };
}

/**
 * Effects are in a list that no database rolls back.
 *
 * @param stores of two processes, which may share one.
 */
export function leasedPlace(
  name: string,
  onUnknown: "hold" | "look",
  stores: readonly [AsyncStore, AsyncStore],
  close: () => Promise<void>,
): Place {
  const ledger = new Map<string, Row[]>();
  const ledgerOf = (program: string): Row[] => {
    const rows = ledger.get(program) ?? [];
    ledger.set(program, rows);
    return rows;
  };
  return {
    name,
    grounds: (program) => {
      const groundOn = (store: AsyncStore): Ground => ({
        rules: { mode: "leased", onUnknown, store },
        send: async (_transaction, statement) => void ledgerOf(program).push(JSON.parse(statement) as Row),
        insert: (row) => JSON.stringify(row),
      });
      return [groundOn(stores[0]), groundOn(stores[1])];
    },
    rows: async (program) => ledgerOf(program),
    [Symbol.asyncDispose]: close,
  };
}

/** The grounds of a place where two stores stand for two processes, and effects are rows of the same database. */
export function inTransactions(
  stores: readonly TransactionalStore<unknown>[],
  send: Ground["send"],
  insert: (row: object) => string,
): (program: string) => readonly [Ground, Ground] {
  const groundOn = (store: TransactionalStore<unknown>, program: string): Ground => ({
    rules: { mode: "transactional", store },
    send,
    insert: (row) => insert({ program, ...row }),
  });
  return (program) => [groundOn(stores[0]!, program), groundOn(stores[1]!, program)];
}

interface Noted extends Row {
  readonly program: string;
}

/** The rows of a program, of effects in JSON. */
export function rowsOf(program: string, effects: readonly unknown[]): Row[] {
  const noted = effects.map((effect) => JSON.parse(String(effect)) as Noted);
  const rows = noted.filter((row) => row.program === program);
  return rows.sort((one, other) => one.run - other.run || (one.effect < other.effect ? -1 : 1));
}
