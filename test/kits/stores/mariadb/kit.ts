import { mariadbKit } from "../../../../packages/once-again/src/stores/mariadb/kit.ts";
import { mariadbBinary, startMariadb } from "../../../support/servers/mariadb.ts";
import type { TestedStore } from "../../store-kit.ts";

export const mariadb: TestedStore = {
  kit: mariadbKit,
  servers: [
    {
      title: "MariaDB",
      binary: mariadbBinary,
      start: (within) => startMariadb({}, within),
      variable: "ONCE_AGAIN_MARIADB_URL",
    },
  ],
  parts: async () => (await import("./parts.ts")).mariadbParts,
  crash: {
    engine: async () => (await import("./crash.ts")).mariadbEngine,
    operations: [
      "table-lock",
      "ended-connections",
      "read-only",
      "full-disk",
      "rolling-restart",
      "stalled-event-loop",
      "moved-clocks",
    ],
  },
  without: { failover: "no cluster of it is tested here" },
};
