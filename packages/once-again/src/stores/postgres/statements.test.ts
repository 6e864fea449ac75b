import { Client } from "pg";
import { expect, test } from "vitest";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../../../../../test/support/servers/postgres.ts";
import { bytesLiteral, integerLiteral, textLiteral, withLiterals } from "./statements.ts";

/** The characters that end, escape or begin something in some dialect, and every plain character. */
const texts = [
  "",
  "plain",
  Array.from({ length: 95 }, (_, index) => String.fromCodePoint(32 + index)).join(""),
  "it's",
  "'; DROP TABLE x; --",
  "\\",
  "\\'",
  "a\\",
  "$1 $$ $tag$",
  "line\nbreak\r\ttab",
  "\u007f\u0001",
  "ünïcödé",
  "日本",
  "\u{1f375}",
  "表'",
];

describeWithServer("literals of PostgreSQL", postgresBinary, () => {
  test.for(["on", "off"])("are what they were, with standard_conforming_strings %s", async (conforming) => {
    await using server = await startPostgres();
    const client = new Client(server.url);
    await client.connect();
    await client.query(`SET standard_conforming_strings = ${conforming}`);
    for (const text of texts) {
      const { rows } = await client.query<{ text: string; type: string }>(
        `SELECT ${textLiteral(text)} AS text, pg_typeof(${textLiteral(text)}) AS type`,
      );
      expect(rows).toEqual([{ text, type: "text" }]);
    }
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const part = bytes.subarray(7, 200);
    const { rows } = await client.query<{ all: Buffer; part: Buffer; none: Buffer; number: string }>(
      `SELECT ${bytesLiteral(bytes)} AS "all", ${bytesLiteral(part)} AS part, ${bytesLiteral(new Uint8Array())} AS "none",
        ${integerLiteral(2 ** 53 - 1)} AS number`,
    );
    expect(rows).toEqual([
      { all: Buffer.from(bytes), part: Buffer.from(part), none: Buffer.alloc(0), number: "9007199254740991" },
    ]);
    await client.end();
  });
});

test("values stand where their numbers do, whatever is in them", () => {
  expect(withLiterals("SELECT $2, $1, $3, $2", ["$2", 7, null])).toBe("SELECT 7::bigint, '$2'::text, NULL, 7::bigint");
});
