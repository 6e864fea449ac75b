import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { startChild } from "../../../../../test/support/child.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import type { TransactionalStore } from "../store.ts";
import { sqliteStore } from "./store.ts";

// The guarantees between processes, and when one of them is killed.

const program = "sqlite-child.ts";
const operation = { scope: "acme", key: "order-7", fingerprint: "f", retentionMs: 60_000 };
const claim = { ...operation, owner: "parent", leaseMs: 60_000 };
const mine = Uint8Array.of(7);

function openAt(path: string): TransactionalStore<DatabaseSync> {
  const store = sqliteStore({ path });
  onTestFinished(() => store.close());
  return store;
}

/** A database with a table of effects. */
function effectsAt(path: string): () => unknown[] {
  const database = new DatabaseSync(path);
  onTestFinished(() => database.close());
  database.exec("PRAGMA journal_mode = WAL; CREATE TABLE effects (who TEXT NOT NULL) STRICT");
  return () =>
    database
      .prepare("SELECT who FROM effects")
      .all()
      .map((row) => row["who"]);
}

test("of two connections that claim one key at once, one wins", async () => {
  const path = join(temporaryFolder(), "keys.db");
  const [one, other] = [openAt(path), openAt(path)];
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? one : other).claim({ ...claim, owner: `${index}` })),
  );
  expect(answers.filter((answer) => answer.kind === "acquired")).toHaveLength(1);
  expect(answers.filter((answer) => answer.kind === "in-progress")).toHaveLength(39);
});

test("processes that open a new file at once all can, and each key they race for has one winner", async () => {
  const path = join(temporaryFolder(), "keys.db");
  const children = Array.from({ length: 3 }, () => startChild(program, "claim", path));
  for (const child of children) expect(await child.line()).toBe("ready");
  for (const child of children) child.tell("go");
  const won = await Promise.all(children.map(async (child) => JSON.parse(await child.line()) as string[]));
  expect(won.flat().toSorted()).toEqual(Array.from({ length: 50 }, (_, index) => `key ${index}`).toSorted());
});

test("a process killed in the middle of a transaction leaves neither key nor effect", async () => {
  const path = join(temporaryFolder(), "keys.db");
  const effects = effectsAt(path);
  const child = startChild(program, "stop-inside", path);
  expect(await child.line()).toBe("inside");
  await child.kill();
  const store = openAt(path);
  expect(effects()).toEqual([]);
  expect(await store.inspect(operation)).toBeUndefined();
  const answer = await store.transact(operation, async (database) => {
    database.exec("INSERT INTO effects VALUES ('parent')");
    return { keep: "commit", result: mine, value: "ran" };
  });
  expect(answer).toEqual({ kind: "executed", value: "ran" });
  expect(effects()).toEqual(["parent"]);
});

test("a process killed after its commit leaves both, and a repeat gets its result", async () => {
  const path = join(temporaryFolder(), "keys.db");
  const effects = effectsAt(path);
  const child = startChild(program, "stop-after", path);
  expect(await child.line()).toBe("committed");
  await child.kill();
  const answer = await openAt(path).transact(operation, () => expect.fail("ran again"));
  expect(answer).toEqual({ kind: "done", result: Uint8Array.of(42) });
  expect(effects()).toEqual(["child"]);
});

test("a process killed while it owns a key leaves it claimed", async () => {
  const path = join(temporaryFolder(), "keys.db");
  const child = startChild(program, "stop-claimed", path);
  expect(await child.line()).toBe("claimed");
  await child.kill();
  expect((await openAt(path).claim(claim)).kind).toBe("in-progress");
});

test("while another process holds the write lock, this one's event loop goes on, and then its turn comes", async () => {
  const path = join(temporaryFolder(), "keys.db");
  const store = openAt(path);
  effectsAt(path);
  const child = startChild(program, "stop-inside", path);
  expect(await child.line()).toBe("inside");
  let answered = false;
  const claimed = store.claim(claim).finally(() => (answered = true));
  let turns = 0;
  while (turns < 20) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    turns += 1;
  }
  expect(answered).toBe(false);
  // Reading needs no lock, but its turn on this connection; another connection reads at once.
  expect(await openAt(path).inspect(operation)).toBeUndefined();
  child.tell("go on");
  expect((await claimed).kind).toBe("done");
});
