import type { ShopDatabase } from "./engine.ts";
import { consumerNames, consumers, type Topic } from "./shop.ts";

/** A message that was committed, as its writer's own table has it. */
export interface Order {
  readonly id: string;
  readonly topic: Topic;
  readonly orderingKey: string | null;
  /** Its place among those of its ordering key, by their commits, from 1. */
  readonly number: number | null;
}

/** The effect of a message. The ledger takes a second one of the same message as readily. */
export interface Effect {
  readonly message: string;
  /** Of whom. */
  readonly life: string;
}

const names = "id varchar(60) PRIMARY KEY, topic varchar(40), ordering_key varchar(40), number int";

/** The shop's own tables, in SQL that every database takes. @param position the type of a column that counts by itself. */
export function shopTables(position: string): string[] {
  return [
    `CREATE TABLE orders (${names})`,
    "CREATE TABLE counters (name varchar(40) PRIMARY KEY, topic varchar(40), number int)",
    `CREATE TABLE effects (position ${position}, message varchar(60), life varchar(40))`,
    ...consumerNames.flatMap((name) =>
      consumers[name].keys.map((key) => `INSERT INTO counters VALUES ('${key}', '${consumers[name].topic}', 0)`),
    ),
  ];
}

/**
 * Writes down an order of a message that was added before. The counter's row is had until the commit, so numbers are in the
 * order of commits; and since the message was added before, nothing but the outbox has put it into the same order.
 */
export async function writeOrder<Transaction>(
  { run }: ShopDatabase<Transaction>,
  transaction: Transaction,
  { id, topic, orderingKey }: Omit<Order, "number">,
): Promise<void> {
  if (orderingKey === null) {
    await run(transaction, "INSERT INTO orders (id, topic) VALUES (?, ?)", [id, topic]);
    return;
  }
  await run(transaction, "UPDATE counters SET number = number + 1 WHERE name = ?", [orderingKey]);
  const columns = "INSERT INTO orders (topic, ordering_key, number, id) SELECT topic, name, number,";
  await run(transaction, `${columns} ? FROM counters WHERE name = ?`, [id, orderingKey]);
}

export async function writeEffect<Transaction>(
  { run }: ShopDatabase<Transaction>,
  transaction: Transaction,
  { message, life }: Effect,
): Promise<void> {
  await run(transaction, "INSERT INTO effects (message, life) VALUES (?, ?)", [message, life]);
}

export const readOrders = ({ read }: ShopDatabase): Promise<Order[]> =>
  read<Order>("SELECT id, topic, ordering_key AS orderingkey, number FROM orders").then((rows) =>
    rows.map(({ id, topic, number, ...rest }) => ({
      id,
      topic,
      number,
      // PostgreSQL writes names that are not quoted in lower case.
      orderingKey: (rest as unknown as { orderingkey: string | null }).orderingkey,
    })),
  );

/** In the order in which they were written. */
export const readEffects = ({ read }: ShopDatabase): Promise<Effect[]> =>
  read("SELECT message, life FROM effects ORDER BY position");

export async function countOf({ read }: ShopDatabase, table: "orders" | "effects"): Promise<number> {
  const [row] = await read<{ count: unknown }>(`SELECT count(*) AS count FROM ${table}`);
  return Number(row?.count);
}
