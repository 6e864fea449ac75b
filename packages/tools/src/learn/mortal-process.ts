/** The statements that exercises are given. */
export interface Statements {
  find(table: string, id: string): Promise<string | undefined>;
  insert(table: string, id: string, value: string): Promise<void>;
}

/** A database as exercises are given it. */
export interface Database extends Statements {
  transaction<Value>(work: (statements: Statements) => Promise<Value>): Promise<Value>;
}

/** The data that survives the processes: `table/id` and its value. */
export type Rows = Map<string, string>;

/** How many rows a table has. */
export const countRows = (rows: Rows, table: string): number =>
  [...rows.keys()].filter((name) => name.startsWith(`${table}/`)).length;

/** A process that dies at a chosen point: from then on none of its calls returns, and nothing that it does has an effect. */
export class MortalProcess {
  readonly #rows: Rows;
  readonly #dieAt: number;
  readonly #died = Promise.withResolvers<undefined>();
  readonly #never = new Promise<never>(() => undefined);
  #points = 0;
  #isDead = false;
  #diedWhere = "";

  /** @param dieAt the point of death, 0 for the first. Infinity: it lives. */
  constructor(rows: Rows, dieAt: number) {
    this.#rows = rows;
    this.#dieAt = dieAt;
  }

  /** How many points it has passed. */
  get points(): number {
    return this.#points;
  }

  /** Where it died: "after the commit". */
  get diedWhere(): string {
    return this.#diedWhere;
  }

  /** Runs until `work` settles or the process dies. */
  async run<Value>(work: (database: Database) => Promise<Value>): Promise<Value | undefined> {
    return Promise.race([work(this.#openDatabase()), this.#died.promise]);
  }

  /** A call out of the process, with a point before and a point after it. */
  async call<Value>(name: string, effect: () => Value): Promise<Value> {
    await this.#pass(`before ${name}`);
    const value = effect();
    await this.#pass(`after ${name}`);
    return value;
  }

  async #pass(where: string): Promise<void> {
    if (this.#points === this.#dieAt) {
      this.#isDead = true;
      this.#diedWhere = where;
      this.#died.resolve(undefined);
    }
    this.#points += 1;
    if (this.#isDead) await this.#never;
  }

  #openDatabase(): Database {
    return {
      ...this.#statements(this.#rows, this.#rows),
      transaction: async (work) => {
        const written: Rows = new Map();
        const value = await work(this.#statements(this.#rows, written));
        await this.call("the commit", () => {
          for (const [name, row] of written) this.#rows.set(name, row);
        });
        return value;
      },
    };
  }

  #statements(committed: Rows, written: Rows): Statements {
    const read = (name: string): string | undefined => written.get(name) ?? committed.get(name);
    return {
      find: (table, id) => this.call(`the look into ${table}`, () => read(`${table}/${id}`)),
      insert: (table, id, value) =>
        this.call(`the insert into ${table}`, () => {
          const name = `${table}/${id}`;
          if (read(name) !== undefined) throw new Error(`${table} has a row "${id}" already`);
          written.set(name, value);
        }),
    };
  }
}
