import type { StoreKit } from "../kit.ts";

export const mariadbKit = {
  name: "mariadb",
  title: "MariaDB",
  page: "guides/transactions.md#mariadb",
  drivers: [{ title: "MariaDB by mysql2", package: "mysql2" }],
  modes: ["leased", "transactional"],
  holds: ["outbox"],
  urls: {
    schemes: ["mysql", "mariadb"],
    form: "mysql:// (…?tablePrefix=shop_)",
    outboxForm: "mysql:// (…?tablePrefix=shop_)",
    otherNames: ["mariadbd"],
    parameters: ["tablePrefix"],
    open: async () => {
      const { openMariadb, openMariadbOutbox } = await import("./open.ts");
      return { store: openMariadb, outbox: openMariadbOutbox };
    },
  },
  migrates: true,
  mistaken: [
    {
      methods: ["promise"],
      advice:
        "a pool or connection of mysql2 with callbacks: take a pool of mysql2/promise, mariadbStore(pool.promise())",
    },
    {
      methods: ["getConnection", "activeConnections"],
      advice: "a pool of the package mariadb: take a pool of mysql2/promise, mariadbStore(pool)",
    },
    {
      methods: ["getConnection"],
      butNot: ["activeConnections", "promise"],
      advice: "a pool of mysql2: wrap it, mariadbStore(pool)",
    },
    {
      methods: ["beginTransaction", "importFile"],
      advice: "one connection of the package mariadb: take a pool of mysql2/promise",
    },
    {
      methods: ["beginTransaction"],
      butNot: ["importFile", "promise", "getConnection"],
      advice: "one connection of mysql2: wrap a pool, mariadbStore(pool)",
    },
  ],
  create: { title: "MariaDB", packages: ["mysql2"], variable: "DATABASE_URL" },
} as const satisfies StoreKit;
