import { once } from "node:events";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";

// A separate process on a database file, for the tests of the SQLite store: it says on stdout how far it came.

const [task = "", path = ""] = process.argv.slice(2);
const store = sqliteStore({ path, busyMsMax: 20_000 });
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const tasks: Record<string, () => Promise<void>> = {
  /** Claims the same 50 keys as every other process, and says which it got. */
  async claim() {
    say("ready");
    await once(process.stdin, "data");
    const won: string[] = [];
    for (let index = 0; index < 50; index += 1) {
      const key = `key ${index}`;
      const claim = { ...operation, key, owner: `process ${process.pid}`, leaseMs: 60_000 };
      if ((await store.claim(claim)).kind === "acquired") won.push(key);
    }
    say(JSON.stringify(won));
    process.exit();
  },

  /** Stops in the middle of a transaction that has already written its effect. */
  async "stop-inside"() {
    await store.transact(operation, async (database) => {
      database.exec("INSERT INTO effects VALUES ('child')");
      say("inside");
      await once(process.stdin, "data");
      return { keep: "commit", result: new Uint8Array(), value: undefined };
    });
  },

  /** Stops right after a transaction was committed. */
  async "stop-after"() {
    await store.transact(operation, async (database) => {
      database.exec("INSERT INTO effects VALUES ('child')");
      return { keep: "commit", result: Uint8Array.of(42), value: undefined };
    });
    say("committed");
    await once(process.stdin, "data");
  },

  /** Owns a key and stops. */
  async "stop-claimed"() {
    await store.claim({ ...operation, owner: "child", leaseMs: 60_000 });
    say("claimed");
    await once(process.stdin, "data");
  },
};

await tasks[task]?.();
