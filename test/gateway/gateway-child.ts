import { sqliteStore } from "once-again/stores/sqlite";
import { startGateway } from "../../packages/gateway/src/gateway.ts";

// A gateway in a separate process, over a database file that it shares with others. It says where it listens.

const [upstream = "", path = ""] = process.argv.slice(2);
const gateway = await startGateway({
  upstream: new URL(upstream),
  store: sqliteStore({ path, busyMsMax: 20_000 }),
  scope: async () => ({ scope: "all" }),
  // Callers know each by its port, where users have one name in front of all.
  fingerprintHost: false,
  routes: [
    {
      methods: ["POST"],
      path: "*",
      keyed: "required",
      onUnknown: { policy: "hold" },
      leaseMs: 500,
      retentionMs: 60_000,
    },
  ],
});
process.stdout.write(`${gateway.url}\n`);
