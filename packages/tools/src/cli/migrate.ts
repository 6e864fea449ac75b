import { Command } from "commander";
import {
  exitCodes,
  makeDrySqliteOutbox,
  makeSqlite,
  makeSqliteOutbox,
  type MigratableOutbox,
  outboxFromUrl,
  sqlitePath,
  storeFromUrl,
} from "once-again/internal/command";
import { type StoreFlags, withStoreOptions } from "./keys/flags.ts";
import { type ExitCode, print, withStore } from "./keys/session.ts";

interface MigrateFlags extends StoreFlags {
  readonly outbox?: boolean;
  readonly print?: boolean;
}

/** A store or an outbox that has tables in a database. */
interface Migratable {
  readonly schemaSql: string;
  migrate(): Promise<void>;
}

/** `once-again migrate` */
export function migrateCommand(): Command {
  return withStoreOptions(new Command("migrate"))
    .description(
      "Makes the tables for keys, or brings them to this version. It can be run again, also by several processes at the " +
        "same time.",
    )
    .option("--outbox", "the tables of an outbox, too, in PostgreSQL, MariaDB or SQLite")
    .option("--print", "print the SQL instead of running it, for the migrations of your own tool")
    .addHelpText(
      "after",
      `
Example:
  $ once-again migrate --store postgres://localhost/shop
  $ once-again migrate --store postgres://localhost/shop --outbox
  $ once-again migrate --store postgres://localhost/shop --print > migrations/once-again.sql

PostgreSQL: run the printed SQL in one transaction. Redis and NATS have no tables, and those of DynamoDB are made as your others are.

Exit codes: 0 fine, 2 wrong usage, or a store that does not answer.`,
    )
    .action(run);
}

async function run(flags: MigrateFlags, command: Command): Promise<void> {
  const isDry = flags.print === true;
  await withStore(
    command,
    flags,
    async (store) => {
      const migratable = isMigratable(store) ? [store] : [];
      if (!flags.outbox) return migrate(flags, migratable);
      const outbox = await openOutbox(flags.store, isDry);
      try {
        return await migrate(flags, [...migratable, outbox]);
      } finally {
        await outbox.close();
      }
    },
    async () => {
      const path = sqlitePath(flags.store);
      return path === undefined ? storeFromUrl(flags.store) : makeSqlite(path, isDry);
    },
  );
}

async function openOutbox(location: string, isDry: boolean): Promise<MigratableOutbox> {
  const path = sqlitePath(location);
  if (path !== undefined) return isDry ? makeDrySqliteOutbox() : makeSqliteOutbox(path);
  const outbox = await outboxFromUrl(location);
  if (isMigratable(outbox)) return outbox;
  await outbox.close();
  throw new Error(
    "An outbox of DynamoDB needs an index of its table, which is made as the table is: see docs/guides/dynamodb.md.",
  );
}

async function migrate(flags: MigrateFlags, migratable: readonly Migratable[]): Promise<ExitCode> {
  const sql = migratable.map(({ schemaSql }) => `${schemaSql.trimEnd()}\n`).join("");
  if (flags.print) {
    print(
      flags,
      () => ({ sql }),
      () => (sql === "" ? [] : [sql.trimEnd()]),
    );
    return exitCodes.fine;
  }
  for (const one of migratable) await one.migrate();
  const migrated = migratable.length > 0;
  print(
    flags,
    () => ({ migrated }),
    () => [migrated ? "The tables are there." : "This store needs no tables."],
  );
  return exitCodes.fine;
}

function isMigratable<Opened extends object>(store: Opened): store is Opened & Migratable {
  return "migrate" in store && "schemaSql" in store;
}
