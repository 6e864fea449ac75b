import { describe, expect, test } from "vitest";
import { type MysqlConnection, type MysqlValue, storeQuery } from "./client.ts";

/** A connection of `mysql2/promise` that writes down what it is asked, and by which of its two ways. */
function recordedConnection({ hasCallbacks = true, error = null as Error | null } = {}) {
  const asked: { by: "callbacks" | "promises"; text: string; values: unknown }[] = [];
  const byCallback = (text: string, values: unknown, onResult: (error: Error | null, answer?: unknown) => void) => {
    asked.push({ by: "callbacks", text, values });
    onResult(error, "rows");
  };
  const connection = {
    query: async (text: string, values?: unknown) => {
      asked.push({ by: "promises", text, values });
      if (error) throw error;
      return ["rows"];
    },
    release: () => undefined,
    destroy: () => undefined,
    connection: hasCallbacks ? { query: byCallback } : undefined,
  };
  return { asked, connection: connection as unknown as MysqlConnection };
}

describe("a statement of the MariaDB store", () => {
  test("goes by the callbacks of its connection, with its values in its text", async () => {
    const { asked, connection } = recordedConnection();
    const values = [Buffer.from("it's ?"), 42, null, Buffer.alloc(0)];
    await expect(storeQuery(connection)("SELECT ?, ?, ?, ? AS b", values)).resolves.toBe("rows");
    expect(asked).toEqual([{ by: "callbacks", text: "SELECT x'69742773203f', 42, NULL, x'' AS b", values: null }]);
  });

  test("rejects with the error that its callback is given", async () => {
    const error = new Error("gone");
    const { connection } = recordedConnection({ error });
    await expect(storeQuery(connection)("SELECT 1")).rejects.toBe(error);
  });

  test("goes by promises where a program's own connection has no callbacks", async () => {
    const { asked, connection } = recordedConnection({ hasCallbacks: false });
    await expect(storeQuery(connection)("SELECT ?", [7])).resolves.toBe("rows");
    expect(asked).toEqual([{ by: "promises", text: "SELECT 7", values: undefined }]);
  });

  test.for([
    ["1; DROP TABLE orders", "x'313b2044524f50205441424c45206f7264657273'"],
    [undefined, "NULL"],
    [Number.NaN, "NaN"],
    [true, "true"],
    [5n, "5"],
    [["') --"], "x'5b222729202d2d225d'"],
  ] as const)("makes a literal of whatever a caller without types gives: %s", async ([value, literal]) => {
    const { asked, connection } = recordedConnection();
    await storeQuery(connection)("SELECT ?", [value as unknown as MysqlValue]);
    expect(asked[0]?.text).toBe(`SELECT ${literal}`);
  });
});
