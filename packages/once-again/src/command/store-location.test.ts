import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../../../../test/support/cli.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { formatStoreLocation, readStoreLocation } from "./store-location.ts";

test.for<[text: string, advice: RegExp]>([
  ["$DATABASE_URL", /variable in it that was not expanded, DATABASE_URL/],
  ["${DATABASE_URL}", /not expanded, DATABASE_URL/],
  ["$(DATABASE_URL)", /not expanded, DATABASE_URL/],
  ["postgres://app:${PASSWORD}@db/shop", /not expanded, PASSWORD/],
  ["postgres://$HOST/shop", /not expanded, HOST/],
  ["redis://127.0.0.1/0?prefix=$TENANT:", /not expanded, TENANT/],
  ["nats://127.0.0.1/$(BUCKET)", /not expanded, BUCKET/],
  ["sqlite:$DATA/keys.db", /not expanded, DATA/],
  ["sqlite:/data/${STORE", /not expanded, STORE/],
  ["", /is empty: is a variable not set/],
  ["  ", /is empty/],
  ["postgres", /did you mean postgres:\/\//],
  ["pg", /did you mean postgres:\/\//],
  ["redis:127.0.0.1", /must begin with redis:\/\/HOST/],
  ["mariadb/shop", /did you mean mariadb:\/\//],
  ["keys.db", /has no scheme. For a SQLite file write sqlite:keys\.db/],
  ["./keys.db", /write sqlite:\.\/keys\.db/],
  ["/srv/postgres.db", /write sqlite:\/srv\/postgres\.db/],
  ["localhost:5432/shop", /has no scheme/],
  ["sqlite", /write sqlite:PATH|sqlite:PATH for a SQLite file/],
  ["sqlite:", /names no file/],
  ["sqlite::memory:", /a database in memory is lost with its process/],
  ["sqlite:file::memory:", /a database in memory/],
  ["sqlite:a\nb", /control character/],
  ["mongodb://127.0.0.1/x", /no store for mongodb:\/\/ URLs/],
])("%s is no store, and the error says what to write", ([text, advice]) => {
  expect(() => readStoreLocation(text)).toThrow(advice);
});

test("no error repeats what may hold a password", () => {
  for (const text of ["user:hunter2@127.0.0.1", "postgres://u:hunter2@[", "http://u:hunter2@h", "$x:hunter2@h"]) {
    expect(() => readStoreLocation(text)).toThrow(/^(?!.*hunter2)/s);
  }
});

test.for<[text: string, shown: string]>([
  ["sqlite:keys.db", `sqlite:${resolve("keys.db")}`],
  ["sqlite:///srv/keys.db\n", "sqlite:/srv/keys.db"],
  ["SQLite:/srv/a$b.db", "sqlite:/srv/a$b.db"],
  ["file:///srv/%24keys.db", "sqlite:/srv/$keys.db"],
  [
    "postgres://app:hun$ter2@db:5432/shop?tablePrefix=shop_&password=hunter2",
    "postgres://db:5432/shop?tablePrefix=shop_",
  ],
  ["Redis://:$hunter2@127.0.0.1/3?prefix=shop:&cluster", "redis://127.0.0.1/3?prefix=shop:&cluster"],
  ["nats://127.0.0.1:4222/keys", "nats://127.0.0.1:4222/keys"],
  ["dynamodb://eu-west-1/once-again?prefix=shop", "dynamodb://eu-west-1/once-again?prefix=shop"],
])("%s is a store, which is shown without its password", ([text, shown]) => {
  expect(formatStoreLocation(readStoreLocation(text))).toBe(shown);
});

test.for([
  ["gateway", "--upstream", "http://127.0.0.1:1", "--scope", "header:x-account"],
  ["gateway", "--upstream", "http://127.0.0.1:1", "--scope", "header:x-account", "--check"],
  ["keys", "list"],
  ["keys", "purge"],
  ["messages", "list"],
  ["migrate"],
  ["migrate", "--outbox"],
  ["migrate", "--print"],
  ["console"],
])("%s refuses a store that is an unexpanded variable, and makes no file", async (command) => {
  const folder = temporaryFolder();
  for (const store of ["$DATABASE_URL", "postgres"]) {
    const { code, stdout, stderr } = await runCli([...command, "--store", store], {}, folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^error: .*(?:was not expanded|did you mean postgres:\/\/)/);
  }
  expect(readdirSync(folder)).toEqual([]);
});
