import { describe, expect, test } from "vitest";
import type { PostgresJsQuery } from "../guard/postgres-js.ts";
import type { PostgresJsClient, PostgresJsOptions } from "./client.ts";
import { reserveLink } from "./reserve-link.ts";

// The turns of the loop that a server and a network can't be made to meet. On both, it is tried in lent-connections.test.ts.

/** A pool of `postgres` with one connection, as far as it lends one. */
class Driver {
  asked = 0;
  terminated = 0;
  readonly link = {
    reserved: null as ((() => void) & { readonly release?: boolean }) | null,
    onclose: null as ((error: Error) => void) | null,
    execute: () => true,
    terminate: () => void (this.terminated += 1),
  };
  /** The end of a query that does not show its connection. */
  end: (query: { resolve: (rows: readonly unknown[]) => void; reject: (error: Error) => void }) => void = ({
    resolve,
  }) => resolve([]);
  isShown = true;

  readonly pool: PostgresJsClient = {
    unsafe: (text: string, _values?: never[], options?: PostgresJsOptions) => {
      this.asked += 1;
      const { promise, resolve, reject } = Promise.withResolvers<readonly unknown[]>();
      // A query is sent when it is first waited for.
      queueMicrotask(() => (this.isShown ? options?.onexecute?.(this.link as never) : this.end({ resolve, reject })));
      return Object.assign(promise, { strings: [text], cancelled: null, active: true, resolve, reject });
    },
  };

  query(text: string): PostgresJsQuery {
    const query = this.pool.unsafe(text) as PostgresJsQuery;
    query.catch(() => undefined);
    return query;
  }

  /** When all is answered, and no transaction is open. */
  becomeIdle(): void {
    if (this.link.reserved?.release === false) this.link.reserved = null;
  }
}

const nextTurn = (): Promise<void> => new Promise(setImmediate);

describe("a reserved connection of postgres", () => {
  test("goes back by itself when all is answered", async () => {
    const driver = new Driver();
    const link = await reserveLink(driver.pool);
    driver.becomeIdle();
    expect(driver.link.reserved).not.toBe(null);
    link.send(driver.query("SELECT 1"));
    driver.becomeIdle();
    expect(driver.link.reserved).toBe(null);
  });

  test("that is closed does not go back before that", async () => {
    const driver = new Driver();
    const link = await reserveLink(driver.pool);
    link.send(driver.query("SELECT 1"));
    link.close();
    driver.becomeIdle();
    expect(driver.link.reserved).not.toBe(null);
    await nextTurn();
    expect(driver.terminated).toBe(1);
  });

  test("that is lost while it is closed is not closed for another", async () => {
    const driver = new Driver();
    const link = await reserveLink(driver.pool);
    link.send(driver.query("SELECT 1"));
    link.close();
    driver.link.onclose!(new Error("It is lost."));
    driver.link.reserved = null;
    await nextTurn();
    expect(driver.terminated).toBe(0);
  });

  test("is reserved once, also where the server ends it at once", async () => {
    const driver = new Driver();
    const link = await reserveLink(driver.pool);
    link.first.reject(Object.assign(new Error("It is shut down."), { severity: "FATAL", code: "57P01" }));
    await nextTurn();
    expect(driver.asked).toBe(1);
  });

  const stale = {
    "a statement": { severity: "ERROR", code: "42P01" },
    "a session that the server ended": { severity: "FATAL", code: "57P01" },
  };
  test.for(Object.entries(stale))("is asked for again after the error of %s before it", async ([, error]) => {
    const driver = new Driver();
    driver.isShown = false;
    driver.end = ({ reject }) => {
      driver.isShown = driver.asked === 20;
      reject(Object.assign(new Error("It is stale."), error));
    };
    expect((await reserveLink(driver.pool)).isLost()).toBe(false);
    expect(driver.asked).toBe(21);
  });

  const never = { "does not show its connections": undefined, "It is stale.": stale["a statement"] };
  test.for(Object.entries(never))("that is never lent is not asked for without end: %s", async ([message, error]) => {
    const driver = new Driver();
    driver.isShown = false;
    if (error !== undefined) driver.end = ({ reject }) => reject(Object.assign(new Error(message), error));
    await expect(reserveLink(driver.pool)).rejects.toThrow(message);
    expect(driver.asked).toBe(100);
  });

  test("that can't be made is asked for once", async () => {
    const driver = new Driver();
    driver.isShown = false;
    driver.end = ({ reject }) =>
      reject(Object.assign(new Error("No such database."), { severity: "FATAL", code: "3D000" }));
    await expect(reserveLink(driver.pool)).rejects.toThrow("No such database.");
    expect(driver.asked).toBe(1);
  });
});
