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

/** Places an order once for each key. Answers its id. */
export async function placeOrder(database: Database, key: string, item: string): Promise<string> {
  const known = await database.find("keys", key);
  if (known !== undefined) return known;

  const id = crypto.randomUUID();
  await database.transaction(async (statements) => {
    await statements.insert("keys", key, id);
    await statements.insert("orders", id, item);
  });
  return id;
}
