import process from "node:process";
import { Command } from "commander";
import type { Store } from "once-again/stores";
import { exitCodes } from "./exit-codes.ts";
import { type StoreFlags, withStoreOptions } from "./keys/flags.ts";
import { print, withStore } from "./keys/session.ts";
import { makeSqlite, sqlitePath, storeFromUrl } from "./store-from-url.ts";

interface MigrateFlags extends StoreFlags {
  readonly print?: boolean;
}

/** A store in a database that has tables of ours. */
interface Migratable extends Store {
  readonly schemaSql: string;
  migrate(): Promise<void>;
}

/** `once-again migrate` */
export function migrateCommand(): Command {
  return withStoreOptions(new Command("migrate"))
    .summary("make the tables of a store, or bring them up to date")
    .description(
      "Makes the tables for keys, or brings them to this version. It can be run again, also by several processes at the " +
        "same time.",
    )
    .option("--print", "print the SQL instead of running it, for the migrations of your own tool")
    .addHelpText(
      "after",
      `
Example:
  $ once-again migrate --store postgres://localhost/shop
  $ once-again migrate --store postgres://localhost/shop --print > migrations/once-again.sql

PostgreSQL: run the printed SQL in one transaction. Redis and NATS have no tables.

Exit codes: 0 fine, 2 wrong usage, or a store that does not answer.`,
    )
    .action(run);
}

async function run(flags: MigrateFlags, command: Command): Promise<void> {
  const path = sqlitePath(flags.store);
  const open = path === undefined ? () => storeFromUrl(flags.store) : () => makeSqlite(path, flags.print === true);
  await withStore(
    command,
    flags,
    async (store) => {
      const sql = isMigratable(store) ? store.schemaSql : "";
      if (flags.print) {
        if (flags.json)
          print(
            flags,
            () => ({ sql }),
            () => [],
          );
        else process.stdout.write(sql === "" ? "" : `${sql.trimEnd()}\n`);
        return exitCodes.fine;
      }
      if (isMigratable(store)) await store.migrate();
      print(
        flags,
        () => ({ migrated: isMigratable(store) }),
        () => [isMigratable(store) ? "The tables are there." : "This store needs no tables."],
      );
      return exitCodes.fine;
    },
    open,
  );
}

function isMigratable(store: Store): store is Migratable {
  return "migrate" in store && "schemaSql" in store;
}
