import { postgresKit } from "../../../../packages/once-again/src/stores/postgres/kit.ts";
import { postgresBinary, startPostgres } from "../../../support/servers/postgres.ts";
import type { TestedStore } from "../../store-kit.ts";

export const postgres: TestedStore = {
  kit: postgresKit,
  servers: [
    {
      title: "PostgreSQL",
      binary: postgresBinary,
      start: (within) => startPostgres({ within }),
      variable: "ONCE_AGAIN_POSTGRES_URL",
    },
  ],
  parts: async () => (await import("./parts.ts")).postgresParts,
  crash: {
    engine: async () => (await import("./crash.ts")).postgresEngine,
    operations: [
      "table-lock",
      "ended-connections",
      "standby-away",
      "read-only",
      "full-disk",
      "promoted-standby",
      "restarted-pooler",
      "rolling-restart",
      "stalled-event-loop",
      "moved-clocks",
    ],
    runs: [
      { mode: "transactional", operators: false, traced: true },
      { mode: "hold", operators: true },
    ],
  },
  failover: async () => (await import("./failover.ts")).postgresStandbyEngine,
  without: {},
};
