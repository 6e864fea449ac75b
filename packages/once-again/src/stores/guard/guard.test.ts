import { expect, test } from "vitest";
import { guardText, type GivenTransaction } from "./guard.ts";

const given = (depth: number): GivenTransaction => ({ dialect: "postgres", depth, isolation: "READ COMMITTED" });
const sent = (text: string, depth: number) => guardText(text, given(depth));
const refused = (sentence: string) => ({ refusal: expect.stringContaining(sentence) as string });

test("a text that does nothing to the transaction is sent as it is", () => {
  expect(sent("INSERT INTO notes VALUES ('COMMIT')", 0)).toBeUndefined();
  expect(sent("SELECT 1; SELECT 2;", 0)).toBeUndefined();
});

test("a nested transaction is a savepoint, on each level", () => {
  expect(sent("BEGIN;", 0)).toEqual({ texts: ["SAVEPOINT once_again_nested_1"], depth: 1 });
  expect(sent("start transaction", 1)).toEqual({ texts: ["SAVEPOINT once_again_nested_2"], depth: 2 });
  expect(sent("COMMIT", 2)).toEqual({ texts: ["RELEASE SAVEPOINT once_again_nested_2"], depth: 1 });
  expect(sent("rollback ;", 1)).toEqual({
    texts: ["ROLLBACK TO SAVEPOINT once_again_nested_1", "RELEASE SAVEPOINT once_again_nested_1"],
    depth: 0,
  });
});

test("in a text of several statements, each is replaced in its place", () => {
  expect(sent("BEGIN; INSERT INTO notes VALUES (';'); ROLLBACK; SELECT 1", 0)).toEqual({
    texts: [
      "SAVEPOINT once_again_nested_1; INSERT INTO notes VALUES (';'); " +
        "ROLLBACK TO SAVEPOINT once_again_nested_1; RELEASE SAVEPOINT once_again_nested_1; SELECT 1",
    ],
    depth: 0,
  });
});

test.for(["COMMIT", "END", "INSERT INTO notes VALUES (1); COMMIT", "BEGIN; COMMIT; COMMIT"])(
  "%j would end the transaction, and is not sent",
  (text) => {
    expect(sent(text, 0)).toEqual(refused("COMMIT was not sent"));
  },
);

test("what a savepoint can't stand for is not sent, on any level", () => {
  expect(sent("ROLLBACK", 0)).toEqual(refused("ROLLBACK was not sent"));
  for (const depth of [0, 1]) {
    expect(sent("COMMIT AND CHAIN", depth)).toEqual(refused("COMMIT AND CHAIN was not sent"));
    expect(sent("PREPARE TRANSACTION 'mine'", depth)).toEqual(refused("PREPARE TRANSACTION was not sent"));
    expect(guardText("CREATE TABLE t (a int)", { dialect: "mariadb", depth })).toEqual(refused("CREATE TABLE"));
  }
});

test("a nested transaction has the modes of the one around it, or is refused", () => {
  expect(sent("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE", 0)).toMatchObject({ depth: 1 });
  expect(sent("BEGIN ISOLATION LEVEL SERIALIZABLE", 0)).toEqual(refused("has the modes of the transaction around it"));
  expect(sent("START TRANSACTION READ ONLY", 0)).toEqual(refused("has the modes of the transaction around it"));
});

test("savepoints are the handler's, but for those of the library", () => {
  expect(sent("SAVEPOINT mine", 0)).toEqual({ texts: ["SAVEPOINT mine"], depth: 0 });
  for (const text of ["RELEASE once_again_work", 'ROLLBACK TO "once_again_work"', "SAVEPOINT once_again_nested_1"]) {
    expect(sent(text, 0)).toEqual(refused("once-again's own"));
  }
});
