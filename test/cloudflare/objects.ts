import { DurableObject } from "cloudflare:workers";
import { onceObject } from "../../packages/once-again/src/cloudflare/index.ts";

/** The objects of the tests: keys of a store alone, and an account with its own effects. */
export class OnceKeys extends onceObject(DurableObject) {
  /** When its alarm is planned for. */
  planned(): Promise<number | null> {
    return this.ctx.storage.getAlarm();
  }
}

interface Charge {
  readonly amount: number;
  readonly fault?: "throw" | "abort" | "abort after sync" | "async" | "unfit" | "bigint";
}

export class Account extends onceObject(DurableObject) {
  readonly #lateErrors: unknown[] = [];

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env);
    this.#makeTables();
  }

  #makeTables(): void {
    this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS charges (amount INTEGER)");
    this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS alarms (at INTEGER)");
  }

  /** Deletes all that the object has stored, as its class may. */
  async clear(): Promise<void> {
    await (this.ctx.storage as unknown as { deleteAll(): Promise<void> }).deleteAll();
    this.#makeTables();
  }

  async charge(
    key: string,
    charge: Charge,
    retentionMs?: number,
  ): Promise<{ charged: number; balance: number } | undefined> {
    const { fault } = charge;
    const request = { amount: fault === "bigint" ? BigInt(charge.amount) : charge.amount };
    const charged = await this.once({ scope: "charge", key, request, retentionMs }, (sql) => {
      sql.exec("INSERT INTO charges VALUES (?)", charge.amount);
      const { balance } = sql.exec("SELECT sum(amount) AS balance FROM charges").one();
      if (fault === "throw") throw new Error("declined");
      if (fault === "unfit") return { at: new Date() } as never;
      if (fault === "async") return this.#goesOn(sql) as never;
      return { charged: charge.amount, balance: Number(balance) };
    });
    if (fault === "abort") this.ctx.abort("before the output gate");
    if (fault === "abort after sync") {
      await this.ctx.storage.sync();
      this.ctx.abort("after the output gate");
    }
    return charged;
  }

  /** Writes after its transaction, as an async effect does. */
  async #goesOn(sql: { exec(text: string, ...values: unknown[]): unknown }): Promise<void> {
    await Promise.resolve();
    try {
      sql.exec("INSERT INTO charges VALUES (1000000)");
    } catch (error) {
      this.#lateErrors.push(error);
      throw error;
    }
  }

  refund(key: string, request: unknown): Promise<string> {
    return this.once({ scope: "refund", key, request }, () => "refunded");
  }

  state(): { charges: number; keys: number; lateErrors: string[]; alarms: number } {
    const count = (table: string) => Number(this.ctx.storage.sql.exec(`SELECT count(*) AS n FROM ${table}`).one()["n"]);
    const lateErrors = this.#lateErrors.map((error) => String((error as { code?: string }).code));
    return { charges: count("charges"), keys: count("once_again_keys"), lateErrors, alarms: count("alarms") };
  }

  async alarmSoon(): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now());
  }

  /** Throws the first time, after its effect. */
  override async alarm(): Promise<void> {
    await super.alarm();
    this.ctx.storage.sql.exec("INSERT INTO alarms VALUES (?)", Date.now());
    await this.charge("by alarm", { amount: 5 });
    if (this.state().alarms === 1) throw new Error("the alarm fails");
  }

  /** Breaks a record past the store. */
  async breakRecord(scope: string, key: string): Promise<void> {
    this.ctx.storage.sql.exec("UPDATE once_again_keys SET attempt = 0 WHERE scope = ? AND key = ?", scope, key);
  }
}

/** Objects of a class without SQLite. */
export class Old extends onceObject(DurableObject) {}

/** A call of an object, as a test sends it. */
export interface ObjectCall {
  readonly binding: "ACCOUNT" | "OLD";
  readonly name: string;
  readonly method: string;
  readonly given: readonly unknown[];
}

type Methods = Readonly<Record<string, (...given: unknown[]) => Promise<unknown>>>;

/** Calls an object for a test. */
export default {
  async fetch(request: Request, env: Readonly<Record<string, DurableObjectNamespace>>): Promise<Response> {
    const { binding, name, method, given } = (await request.json()) as ObjectCall;
    const namespace = env[binding]!;
    // A stub with a call that failed is of no use any more, so each call has a new one.
    const stub = namespace.get(namespace.idFromName(name)) as Methods;
    try {
      return Response.json({ value: (await stub[method]!(...given)) ?? null });
    } catch (error) {
      return Response.json({ error: String(error) });
    }
  },
};
