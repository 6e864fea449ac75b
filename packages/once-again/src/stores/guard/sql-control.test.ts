import { expect, test } from "vitest";
import { type SqlDialect, transactionControls } from "./sql-control.ts";

const kindsOf = (text: string, dialect: SqlDialect = "postgres"): string[] =>
  transactionControls(text, dialect).map(({ control }) => control.kind);

test.for([
  ["BEGIN", "begin"],
  ["begin;", "begin"],
  [" \n\tBegin Work ;; ", "begin"],
  ["-- a comment\nBEGIN", "begin"],
  ["/* COMMIT /* nested */ */ BEGIN TRANSACTION", "begin"],
  ["START TRANSACTION", "begin"],
  ["BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY", "begin"],
  ["COMMIT", "commit"],
  ["COMMIT WORK", "commit"],
  ["COMMIT AND NO CHAIN", "commit"],
  ["END", "commit"],
  ["END TRANSACTION", "commit"],
  ["ROLLBACK", "rollback"],
  ["ABORT", "rollback"],
  ["ABORT WORK", "rollback"],
  ["COMMIT AND CHAIN", "other-end"],
  ["ROLLBACK TRANSACTION AND CHAIN", "other-end"],
  ["PREPARE TRANSACTION 'mine'", "other-end"],
  ["COMMIT PREPARED 'mine'", "other-end"],
  ["SAVEPOINT mine", "savepoint"],
  ["RELEASE mine", "release"],
  ["RELEASE SAVEPOINT mine", "release"],
  ["ROLLBACK TO mine", "rollback-to"],
  ["ROLLBACK WORK TO SAVEPOINT mine", "rollback-to"],
] as const)("%j is a %s", ([text, kind]) => {
  expect(kindsOf(text)).toEqual([kind]);
});

test.for([
  "SELECT 1",
  "INSERT INTO notes VALUES ('COMMIT')",
  "INSERT INTO notes VALUES ('it''s; COMMIT; ''')",
  "INSERT INTO notes VALUES (E'it\\'s; COMMIT; ');",
  "SELECT $$; COMMIT; $$;",
  "SELECT $a$ $$; COMMIT; $b$ $a$;",
  'SELECT 1 AS "; COMMIT;";',
  "SELECT 1; -- COMMIT; \n SELECT 2",
  "SELECT 1; /* ; COMMIT; /* ; */ ; ROLLBACK */ SELECT 2",
  "SELECT a$b$c FROM t; SELECT $1",
  "PREPARE mine AS SELECT 1; EXECUTE mine",
  "DO $$ BEGIN PERFORM 1; END $$;",
  "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;",
  "CREATE TABLE plans (begin int)",
  "/* unended COMMIT;",
  "SELECT 'unended; COMMIT",
  "",
  ";;",
])("%j leaves the transaction alone", (text) => {
  expect(kindsOf(text)).toEqual([]);
});

test("each statement of a text is judged, and says where it stands", () => {
  const text = "/* one */ BEGIN; INSERT INTO notes VALUES (';'); COMMIT ; ROLLBACK TO Mine; RELEASE \"Mine\"";
  const controls = transactionControls(text, "postgres");
  expect(controls.map(({ start, end }) => text.slice(start, end))).toEqual([
    "BEGIN",
    "COMMIT",
    "ROLLBACK TO Mine",
    'RELEASE "Mine"',
  ]);
  expect(controls.slice(2).map(({ control }) => control)).toEqual([
    { kind: "rollback-to", name: "mine" },
    { kind: "release", name: "Mine" },
  ]);
});

test("a name that is a keyword elsewhere hides no statement", () => {
  expect(kindsOf("CREATE TABLE plans (begin int); COMMIT")).toEqual(["commit"]);
  expect(kindsOf("CREATE TABLE plans (begin int); COMMIT", "sqlite")).toEqual(["commit"]);
});

test("a trigger's body in SQLite is part of its statement", () => {
  const trigger =
    "CREATE TEMP TRIGGER t AFTER INSERT ON notes BEGIN UPDATE notes SET a = CASE WHEN 1 THEN 2 END; DELETE FROM notes; END";
  expect(kindsOf(trigger, "sqlite")).toEqual([]);
  expect(kindsOf(`${trigger}; END`, "sqlite")).toEqual(["commit"]);
});

test.for([
  ["COMMIT", "commit"],
  ["/*!40000 COMMIT */", "commit"],
  ["/*M!100100 COMMIT */", "commit"],
  ["# a comment\nROLLBACK", "rollback"],
  ["SELECT 1 --1; COMMIT", "commit"],
  ["SELECT 'it\\'s'; COMMIT", "commit"],
  ["SELECT `; ROLLBACK;`; COMMIT", "commit"],
  ["COMMIT RELEASE", "other-end"],
  ["XA END 'mine'", "other-end"],
  ["BEGIN NOT ATOMIC SELECT 1", "begin"],
  ["CREATE TABLE t (a int)", "implicit-commit"],
  ["/*!40000 ALTER */ TABLE t DISABLE KEYS", "implicit-commit"],
  ["TRUNCATE t", "implicit-commit"],
  ["LOCK TABLES t WRITE", "implicit-commit"],
  ["UNLOCK TABLES", "implicit-commit"],
  ["SET autocommit = 1", "implicit-commit"],
  ["SET @@session.autocommit = 1", "implicit-commit"],
  ["ANALYZE TABLE t", "implicit-commit"],
] as const)("for MariaDB, %j is a %s", ([text, kind]) => {
  expect(kindsOf(text, "mariadb")).toEqual([kind]);
});

test.for([
  "CREATE TEMPORARY TABLE t (a int)",
  "CREATE OR REPLACE TEMPORARY TABLE t (a int)",
  "DROP TEMPORARY TABLE t",
  "ANALYZE SELECT 1",
  "SET @a = 1",
  "SELECT '\\'; COMMIT; ';",
  'SELECT "; COMMIT;";',
  "SELECT 1; # COMMIT; ",
])("for MariaDB, %j leaves the transaction alone", (text) => {
  expect(kindsOf(text, "mariadb")).toEqual([]);
});

test.for(["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE TRANSACTION"])("for SQLite, %j begins", (text) => {
  expect(kindsOf(text, "sqlite")).toEqual(["begin"]);
});

test("for SQLite, what commits elsewhere is plain", () => {
  expect(kindsOf("CREATE TABLE t (a int); DROP TABLE [t; COMMIT]; ALTER TABLE t ADD b", "sqlite")).toEqual([]);
});
