import type { StoreKit } from "../kit.ts";

export const sqliteKit = {
  name: "sqlite",
  title: "SQLite",
  page: "guides/transactions.md#sqlite",
  drivers: [{ title: "SQLite by libSQL", package: "@libsql/client", range: "^0.18.0" }],
  modes: ["leased", "transactional"],
  holds: ["outbox", "intents"],
  migrates: true,
  mistaken: [
    {
      methods: ["prepare"],
      butNot: ["batch"],
      advice: "a database of node:sqlite: give its file, sqliteStore({ path })",
    },
    {
      methods: ["executeMultiple"],
      advice:
        "a client of libSQL: sqliteStore(client) takes one on a file of this machine, everything else its path, { path }; remote databases are not supported",
    },
  ],
  create: { title: "SQLite, a file", packages: [] },
  ownFiles: ["group-commit", "libsql"],
} as const satisfies StoreKit;
