import { onceFunction } from "../../packages/once-again/src/function/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";

// A process with a call that never ends. It says on stdout when its function runs.

const [path = "", mode = "leased"] = process.argv.slice(2);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const forever = new Promise<void>(() => undefined);
const store = sqliteStore({ path });
const key = (id: string): string => id;

const stop =
  mode === "leased"
    ? onceFunction({ store, scope: "call", key, leaseMs: 2000 }, () => {
        say("running");
        return forever;
      })
    : onceFunction({ mode: "transactional", store, scope: "call", key }, ({ transaction }) => {
        transaction.exec("INSERT INTO effects VALUES ('child')");
        say("running");
        return forever;
      });

const keepAlive = setInterval(() => undefined, 1000);
await stop("order-7");
clearInterval(keepAlive);
