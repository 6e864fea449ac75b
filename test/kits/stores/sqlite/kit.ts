import { sqliteKit } from "../../../../packages/once-again/src/stores/sqlite/kit.ts";
import type { TestedStore } from "../../store-kit.ts";

export const sqlite: TestedStore = {
  kit: sqliteKit,
  servers: [],
  parts: async () => (await import("./parts.ts")).sqliteParts,
  contract: { parallel: false },
  crash: {
    engine: async () => (await import("./crash.ts")).sqliteEngine,
    // A file's clock is that of its machine, which is right or wrong for all of its processes.
    operations: ["table-lock", "full-disk", "rolling-restart", "stalled-event-loop"],
  },
  programs: { transactional: 80 },
  without: {},
};
