/** Each call is a statement. The process can die before and after any of them. */
export interface Statements {
  /** Answers undefined if there is no such row. */
  find(table: string, id: string): Promise<string | undefined>;
  /** Throws if there is a row with this id. */
  insert(table: string, id: string, value: string): Promise<void>;
}

/** A statement outside `transaction` commits by itself. */
export interface Database extends Statements {
  /** All of it commits, or, if `work` throws or the process dies before the commit, nothing. */
  transaction<Value>(work: (statements: Statements) => Promise<Value>): Promise<Value>;
}

/** A message of a queue. It is delivered until it is acknowledged: again, if the consumer dies first. */
export interface Message {
  readonly id: string;
  readonly item: string;
  acknowledge(): Promise<void>;
}

/** Makes one shipment for each message. */
export async function consume(message: Message, database: Database): Promise<void> {
  await database.transaction(async (statements) => {
    if ((await statements.find("inbox", message.id)) !== undefined) return;
    await statements.insert("inbox", message.id, "handled");
    await statements.insert("shipments", crypto.randomUUID(), message.item);
  });
  await message.acknowledge();
}
