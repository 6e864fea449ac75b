import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { OnceAgainError } from "../../../../packages/once-again/src/core/errors.ts";
import type { Random } from "../../../../packages/once-again/src/core/random.ts";
import { unsteadyProxy } from "../../../support/servers/unsteady-proxy.ts";
import { picker } from "../picker.ts";
import type { OpenedPool, PoolGround } from "./ground.ts";
import { waitMsMax } from "../../../support/wait-ms-max.ts";

/** The findings of a round, and how its operations ended. */
export interface RoundResult {
  readonly breaches: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

const result = Uint8Array.of(1, 2, 3);

/** The rows and the keys that a round must have left, by their names. */
interface Ledger {
  /** Whether each effect must be there. */
  readonly effects: Map<string, boolean>;
  /** Keys that are done exactly if their effect is there. */
  readonly keys: Set<string>;
}

/** One pool behind an unsteady network: operations of the store and of the user, side by side, and what is left when all is calm. */
export async function playRound(ground: PoolGround, name: string, random: Random): Promise<RoundResult> {
  const pick = picker(random);
  const breaches: string[] = [];
  const figures: Record<string, number> = {};
  const count = (what: string): void => void (figures[what] = (figures[what] ?? 0) + 1);
  const breach = (sentence: string): void => void breaches.push(sentence);
  const isCut = random() < 0.5;
  await using proxy = await unsteadyProxy(ground.port, {
    random,
    holdMsMax: pick([5, 30, 100]),
    cuts: isCut ? 0.01 : 0,
    cutsFrom: ground.cutsFrom,
    cancelMsMax: pick([0, 50, 1500]),
  });
  const connectionsMax = 1 + Math.floor(random() * 4);
  const busyMsMax = pick([15, 40, 100]);
  const pool = await ground.open({
    ...{ port: proxy.port, name, connectionsMax, busyMsMax, isCut },
    onNotice: (code) => code === "25001" && breach("the server warned that a transaction was in progress already"),
  });
  proxy.begin();
  const ledger: Ledger = { effects: new Map(), keys: new Set() };
  const context: Context = { ground, pool, ledger, name, random, breach, busyMsMax };
  let started = 0;
  const operationsMax = 8 + Math.floor(random() * 16);
  const work = async (): Promise<void> => {
    while (started < operationsMax) {
      const operation = `${name}-${(started += 1)}`;
      const [kind, play] = pick(plays);
      await sleep(random() < 0.5 ? 0 : random() * 30);
      if (random() < 0.1) spin(random() * 20);
      await play(context, operation).then(
        () => count(`${kind} ended`),
        (error: unknown) => {
          count(`${kind} failed`);
          if (ground.isCancelled(error)) breach(`${kind} was cancelled: ${String(error)}`);
          if (ground.isBroken(error) || isNonsense(error)) breach(`${kind} failed: ${String(error)}`);
        },
      );
    }
  };
  const working = Promise.all(Array.from({ length: 1 + Math.floor(random() * 8) }, work));
  const calming = sleep(300 + random() * 500).then(() => proxy.calm());
  if ((await within(working)) === late) breach("an operation has not ended");
  await calming;
  await checkLeft(context, connectionsMax);
  if ((await within(pool.close())) === late) breach("a connection is still lent in the end");
  return { breaches: breaches.map((sentence) => `${ground.name} ${name}: ${sentence}`), figures };
}

const late = Symbol("late");

function within(awaited: Promise<unknown>): Promise<unknown> {
  const timer = new AbortController();
  return Promise.race([awaited, sleep(waitMsMax, late, { signal: timer.signal }).catch(() => undefined)]).finally(() =>
    timer.abort(),
  );
}

/** Keeps the event loop busy, as a slow machine does. */
function spin(ms: number): void {
  const endsAt = performance.now() + ms;
  while (performance.now() < endsAt);
}

/** Whether an error is the mistake of a program. */
const isNonsense = (error: unknown): boolean =>
  error instanceof TypeError || String((error as { message?: unknown }).message).includes("undefined");

/** Looks at all that a round has left, when all is calm. */
async function checkLeft({ ground, pool, ledger, name, breach }: Context, connectionsMax: number): Promise<void> {
  const onEach = async (statement: string): Promise<readonly unknown[][]> => {
    if (pool.onEach === undefined) return [];
    const answers = await within(pool.onEach(statement).catch((error: unknown) => error));
    if (Array.isArray(answers)) return answers as unknown[][];
    breach(
      answers === late ? "the pool can't lend all of its connections" : `a lent connection fails: ${String(answers)}`,
    );
    return [];
  };
  const lent = await onEach(`INSERT INTO effects (name) VALUES ('${name}-lent-#')`);
  for (const each of lent.keys()) ledger.effects.set(`${name}-lent-${each}`, true);
  let leftOpen = await ground.leftOpen(name);
  for (const endsAt = performance.now() + waitMsMax; leftOpen.length > 0 && performance.now() < endsAt;) {
    await sleep(50);
    leftOpen = await ground.leftOpen(name);
  }
  for (const left of leftOpen) breach(`a session is left open: ${left}`);
  const states = lent.length < connectionsMax ? [] : await onEach(ground.sessionState);
  for (const [row] of states as [{ state: string }][]) {
    if (row.state !== "as it was") breach(`a lent connection has ${row.state}`);
  }
  const { effects, done } = await ground.seen(`${name}-`);
  for (const [effect, isThere] of ledger.effects) {
    if (isThere && !effects.has(effect)) breach(`the effect ${effect} was acknowledged, and is lost`);
    if (!isThere && effects.has(effect)) breach(`the effect ${effect} was given up, and is there`);
  }
  for (const key of ledger.keys) {
    if (effects.has(key) !== done.has(key))
      breach(`the key ${key} is done: ${done.has(key)}, its effect: ${effects.has(key)}`);
  }
}

interface Context {
  readonly ground: PoolGround;
  readonly pool: OpenedPool;
  readonly ledger: Ledger;
  readonly name: string;
  readonly random: Random;
  readonly busyMsMax: number;
  breach(sentence: string): void;
}

type Play = (context: Context, name: string) => Promise<unknown>;

const insert = (name: string): string => `INSERT INTO effects (name) VALUES ('${name}')`;
const owned = (key: string) => ({ scope: "pools", key, owner: randomUUID() });
const request = (key: string) => ({ scope: "pools", key, fingerprint: "f", retentionMs: 600_000 });
const claimOf = (key: string) => ({ ...request(key), ...owned(key), leaseMs: 600_000 });

/** Runs what the user does: it fails only for a connection that is gone. */
async function asUser<Value>({ ground, breach }: Context, what: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    const why = ground.userBreach(error);
    if (why !== undefined) breach(`${what} of the user's failed: ${why}`);
    throw error;
  }
}

const userInsert: Play = async (context, name) => {
  const { pool, ground, random } = context;
  const slow = `INSERT INTO effects (name) SELECT '${name}' FROM (${ground.sleep(100)}) AS slept`;
  await asUser(context, "a statement", () => pool.userStatement(random() < 0.5 ? slow : insert(name)));
  context.ledger.effects.set(name, true);
};

const usersTransaction: Play = async (context, name) => {
  const { pool, random, ledger } = context;
  const { userTransaction: begin } = pool;
  if (begin === undefined) return void (await userInsert(context, name));
  const names = [`${name}-a`, `${name}-b`];
  await asUser(context, "a transaction", () =>
    begin(async (execute) => {
      for (const each of names) {
        await execute(insert(each));
        await sleep(random() * 20);
      }
    }),
  );
  for (const each of names) ledger.effects.set(each, true);
};

const onceWithinUsers: Play = async (context, name) => {
  const { pool, ledger } = context;
  const { userTransaction: begin, onceWithin } = pool;
  if (begin === undefined || onceWithin === undefined) return void (await userInsert(context, name));
  ledger.keys.add(name);
  await begin(async (execute, transaction) => {
    await onceWithin(transaction, name, async () => {
      await execute(insert(name));
      return result;
    });
  });
  ledger.effects.set(name, true);
};

const leased: Play = async ({ pool: { store }, random }, name) => {
  const claim = claimOf(name);
  await store.claim(claim);
  if (random() < 0.5) await store.renew({ ...claim, leaseMs: 900_000 });
  if (random() < 0.5) await store.checkpoint({ ...claim, step: "s", result });
  return random() < 0.5 ? store.complete({ ...claim, result }) : store.release(claim);
};

const reads: Play = async ({ pool: { store }, random }, name) => {
  if (random() < 0.2) return store.migrate();
  if (random() < 0.3) return store.health();
  if (random() < 0.5) return store.purge({ limit: 10 });
  return Promise.all([store.list({ limit: 5 }), store.inspect(request(name))]);
};

const messages: Play = async ({ pool: { outbox, execute, outboxTransaction, store }, ledger, random }, name) => {
  if (random() < 0.5) {
    const by = randomUUID();
    const { batches } = await outbox.claim({ owner: by, leaseMs: 1000, limit: 5, messagesPerKey: 2 });
    const positions = batches.flatMap((batch) => batch.messages.map(({ position }) => position));
    if (random() < 0.5) return outbox.confirm(positions);
    return outbox.postpone(positions.map((position) => ({ position, owner: by, delayMs: 1 })));
  }
  ledger.keys.add(name);
  const { kind } = await store.transact(request(name), async (transaction) => {
    await execute(transaction, insert(name));
    const ordered = random() < 0.5 ? { orderingKey: "k" } : {};
    await outbox.add(outboxTransaction(transaction) as never, { topic: "t", ...ordered, body: "b" });
    return { keep: "commit", result, value: 0 };
  });
  if (kind === "executed") ledger.effects.set(name, true);
  return undefined;
};

const fault = new Error("the handler's own fault");

/** Each way in which a handler works in its transaction, and ends. */
const handlers: Readonly<Record<string, Play>> = {
  "of a handler that succeeds": async ({ pool, random }, name) => {
    if (random() < 0.3) await sleep(random() * 60);
    await pool.execute(transactionIn(name), insert(name));
  },
  "of a handler that asks side by side": async ({ pool }, name) => {
    const ask = (effect: string) => pool.execute(transactionIn(name), insert(effect));
    await Promise.all([ask(name), ask(`${name}+1`), ask(`${name}+2`)]);
  },
  "of a handler that fails in one of several": async ({ pool }, name) => {
    const ask = (statement: string) => pool.execute(transactionIn(name), statement);
    await Promise.all([ask(insert(name)), ask("SELECT nothing FROM nowhere"), ask(insert(`${name}+1`))]);
  },
  "of a handler that catches an error": async ({ pool }, name) => {
    await pool.execute(transactionIn(name), insert(name));
    await pool.execute(transactionIn(name), "SELECT nothing FROM nowhere").catch(() => undefined);
  },
  "of a handler that does not wait": async ({ pool }, name) => {
    void pool.execute(transactionIn(name), insert(name)).catch(() => undefined);
  },
  "of a handler that throws": async ({ pool }, name) => {
    await pool.execute(transactionIn(name), insert(name));
    throw fault;
  },
  "of a handler that nests": async ({ pool, random }, name) => {
    const ask = (statement: string) => pool.execute(transactionIn(name), statement);
    await ask("BEGIN");
    await ask(insert(`${name}+nested`));
    await ask(random() < 0.5 ? "COMMIT" : "ROLLBACK");
    await ask(insert(name));
  },
  "of a handler that takes long": async ({ pool, ground, random }, name) => {
    await pool.execute(transactionIn(name), insert(name));
    await pool.execute(transactionIn(name), ground.sleep(random() * 300));
    await pool.execute(transactionIn(name), insert(`${name}+1`));
  },
  "of a handler that asks much that takes long": async ({ pool, ground }, name) => {
    const ask = (statement: string) => pool.execute(transactionIn(name), statement);
    await Promise.all([ask(insert(name)), ask(ground.sleep(100)), ask(ground.sleep(100)), ask(insert(`${name}+1`))]);
  },
};

const transactions = new Map<string, unknown>();
const transactionIn = (name: string): unknown => transactions.get(name);

/** A handler under a time limit: what it asks for after the end must never be there. */
async function handle(context: Context, name: string, transaction: unknown): Promise<void> {
  const { random, pool, ledger } = context;
  transactions.set(name, transaction);
  const handler = picker(random)(Object.values(handlers));
  const isLimited = random() < 0.5;
  const running = handler(context, name).then(() => undefined);
  running.catch(() => undefined);
  if (random() < 0.3) {
    const lateName = `${name}+late`;
    ledger.effects.set(lateName, false);
    void running
      .catch(() => undefined)
      .then(() => sleep(50 + random() * 100))
      .then(() => ended.get(name)?.promise)
      .then(() => pool.execute(transaction, insert(lateName)))
      .catch(() => undefined);
  }
  if (!isLimited) return running;
  const timer = new AbortController();
  const overdue = sleep(random() * 80, undefined, { signal: timer.signal }).then(() => {
    throw new OnceAgainError("ONCE_HANDLER_TIMEOUT", "The handler took too long.");
  });
  overdue.catch(() => undefined);
  return Promise.race([running, overdue]).finally(() => timer.abort());
}

/** When each transaction has ended. */
const ended = new Map<string, PromiseWithResolvers<void>>();

const transact: Play = async (context, name) => {
  const { pool, ledger, random } = context;
  ledger.keys.add(name);
  const end = Promise.withResolvers<void>();
  ended.set(name, end);
  try {
    const answer = await pool.store.transact(request(name), async (transaction) => {
      await handle(context, name, transaction);
      if (random() < 0.2) return { keep: "rollback", result, value: "undone" };
      return { keep: "commit", result, value: "done" };
    });
    if (answer.kind === "executed") ledger.effects.set(name, answer.value === "done");
  } catch (error) {
    rethrowOwn(context, name, error);
  } finally {
    end.resolve();
  }
};

const unkeyed: Play = async (context, name) => {
  const { pool, ledger } = context;
  const end = Promise.withResolvers<void>();
  ended.set(name, end);
  try {
    await pool.store.transactUnkeyed(async (transaction) => {
      await handle(context, name, transaction);
      return { keep: "commit", result, value: "done" };
    });
    ledger.effects.set(name, true);
  } catch (error) {
    rethrowOwn(context, name, error);
  } finally {
    end.resolve();
  }
};

const step: Play = async (context, name) => {
  const { pool, ledger } = context;
  const claim = claimOf(name);
  await pool.store.claim(claim);
  const end = Promise.withResolvers<void>();
  ended.set(name, end);
  try {
    const stored = await pool.store.transactStep({ ...claim, step: "s" }, async (transaction) => {
      await handle(context, name, transaction);
      return result;
    });
    if (stored !== undefined) ledger.effects.set(name, true);
  } catch (error) {
    rethrowOwn(context, name, error);
  } finally {
    end.resolve();
  }
};

/** Throws on what a handler may not have met; its own faults and its end by time are as they should be. */
function rethrowOwn({ ground, ledger }: Context, name: string, error: unknown): void {
  const isOwn = error === fault || OnceAgainError.isInstance(error, "ONCE_HANDLER_TIMEOUT");
  if (isOwn) ledger.effects.set(name, false);
  if (isOwn || ground.isHandlersFault(error)) return;
  throw error;
}

/** The operations on a pool; those that stand twice come more often. */
const plays: readonly (readonly [kind: string, play: Play])[] = [
  ["insert", userInsert],
  ["insert", userInsert],
  ["user's transaction", usersTransaction],
  ["once within", onceWithinUsers],
  ["leased", leased],
  ["leased", leased],
  ["read", reads],
  ["message", messages],
  ["transact", transact],
  ["transact", transact],
  ["transact", transact],
  ["unkeyed", unkeyed],
  ["step", step],
];
