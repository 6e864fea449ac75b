import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { OnceAgainError } from "../../../packages/once-again/src/core/errors.ts";
import { systemClock } from "../../../packages/once-again/src/core/system-clock.ts";
import { openInbox, rejectedError } from "../../../packages/once-again/src/messaging/inbox/index.ts";
import type { InboxMessage, MessageExecution } from "../../../packages/once-again/src/messaging/inbox/index.ts";
import { deliveriesTo } from "../../../packages/once-again/src/messaging/inbox/consumers/settle-delivery.ts";
import { sqliteStore, type SqliteStore } from "../../../packages/once-again/src/stores/sqlite/index.ts";
import type { TransactionalStore } from "../../../packages/once-again/src/stores/store.ts";
import { type ReplayedWalks, replayWalks, type Walked } from "./replay-walks.ts";
import { readSteps, walksThrough } from "./walks.ts";

/** How spec/inbox.pml numbers its states, phases and verdicts. */
const states = { running: 1, abandoned: 1, done: 2, broken: 9 } as const;
const [idle, handling, working, committing, decided] = [0, 1, 2, 3, 4];
const verdicts = { none: 0, acknowledge: 1, letter: 2, "give-back": 3 } as const;
const triesMax = 2;
const firstState = "1,0,0;0,0,0,0;0;0,0,0;0,0,0";

const consumer = "billing";
const leaseMs = 90_001;
const tryAgainMs = 7;
/** How long an inbox waits for another consumer that has the message: in a transaction, or by its lease. */
const waitsMs = [tryAgainMs, 1000, Math.ceil(leaseMs / 3)];

/** How long a consumer may take to its next event, milliseconds: one that takes longer is not where its model says. */
const eventMsMax = 20_000;

/** An event of a consumer, at which it stops until a step says how to go on. */
type Event =
  | "works"
  | "has worked"
  | "waits"
  | "writes a letter"
  | "acknowledges"
  | "gives back"
  | "is dead"
  | "nothing";

/** How work ends, and its commit. */
type Fate = "work" | "fail" | "reject" | "commit" | "commit unheard" | "fail to commit" | "die";

const never = <Value>(): Promise<Value> => new Promise(() => undefined);

/** The database of both consumers, and what its observer sees. */
function openDatabase(folder: string) {
  const path = join(folder, "inbox.db");
  let aheadMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
  const open = (): SqliteStore => sqliteStore({ path, clock, busyMsMax: 0 });
  const [observer, ...stores] = [open(), open(), open()] as const;
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE effects (message TEXT NOT NULL)");
  const count = database.prepare("SELECT count(*) AS effects FROM effects WHERE message = ?");
  const isLocked = (): boolean => {
    try {
      database.exec("BEGIN IMMEDIATE; ROLLBACK");
      return false;
    } catch {
      return true;
    }
  };
  return {
    stores,
    observer,
    isLocked,
    effects: (id: string): number => Number(count.get(id)!["effects"]),
    addEffect: (to: DatabaseSync, id: string): void => void to.prepare("INSERT INTO effects VALUES (?)").run(id),
    database,
    endLease: (): void => void (aheadMs += leaseMs),
    close: async (): Promise<void> => {
      database.close();
      for (const store of [observer, ...stores]) await store.close();
    },
  };
}

type Database = ReturnType<typeof openDatabase>;

/** One process of the consumer, with a real inbox: it stops wherever the model has a step, and goes on as that says. */
function openProcess(
  database: Database,
  store: SqliteStore,
  id: string,
  isHeld: boolean,
  onOwner: (owner: string) => void,
) {
  const events: Event[] = [];
  let onEvent = (): void => undefined;
  let isDead = false;
  let hasBegun = false;
  let fate = Promise.withResolvers<Fate>();
  let commitFate: Fate = "commit";
  let wake = (): void => undefined;
  let letter = Promise.withResolvers<void>();

  const come = (event: Event): void => {
    events.push(event);
    onEvent();
  };
  const next = async (): Promise<Event> => {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = systemClock.timer(eventMsMax, resolve);
    const came = new Promise<void>((onCame) => (onEvent = onCame));
    if (events.length === 0) await Promise.race([came, late]);
    cancel();
    return events.shift() ?? "nothing";
  };
  const decideNext = async (): Promise<Fate> => {
    const said = await fate.promise;
    fate = Promise.withResolvers();
    return said;
  };

  const unlessDead = <Value>(ask: () => Promise<Value>): Promise<Value> => (isDead ? never() : ask());
  const own: TransactionalStore<DatabaseSync> = {
    ...store,
    claim: (request) => {
      onOwner(request.owner);
      return unlessDead(() => store.claim(request));
    },
    complete: (request) => unlessDead(() => store.complete(request)),
    release: (request) => unlessDead(() => store.release(request)),
    renew: (request) => unlessDead(() => store.renew(request)),
    transact: (request, work, onLateUse) =>
      unlessDead(async () => {
        const lost = (): OnceAgainError => new OnceAgainError("ONCE_STORE_UNAVAILABLE", "The connection is lost.");
        try {
          const run: typeof work = async (transaction) => {
            const ending = await work(transaction);
            if (isDead || commitFate === "fail to commit") throw lost();
            return ending;
          };
          const answer = await store.transact(request, run, onLateUse);
          if (commitFate === "commit unheard") throw lost();
          return answer;
        } catch (error) {
          if (!isDead) throw error;
          // The database has rolled back. The process does nothing more.
          come("is dead");
          return never();
        }
      }),
  };
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    // Its time stands still: leases end when the model says, and it tries again when the model says.
    timer: (ms: number, callback: () => void) => {
      if (!waitsMs.includes(ms)) return () => undefined;
      wake = callback;
      come("waits");
      return () => undefined;
    },
  };
  const options = {
    consumer,
    leaseMs,
    deliveriesMax: triesMax,
    backoff: () => tryAgainMs,
    clock,
    onError: () => undefined,
  };
  const inbox = isHeld
    ? openInbox({ ...options, store: own })
    : openInbox({ ...options, mode: "transactional", store: own });
  const work = async (_message: InboxMessage, execution: MessageExecution<unknown>): Promise<void> => {
    come("works");
    const first = await decideNext();
    if (first === "die" && isHeld) return never();
    if (first === "reject") throw rejectedError("We sell no tea.");
    if (first !== "work") {
      if (isHeld) execution.noEffect();
      throw new Error("The item is gone.");
    }
    database.addEffect(isHeld ? database.database : (execution.transaction as DatabaseSync), id);
    come("has worked");
    const second = await decideNext();
    if (second === "die" && isHeld) return never();
    commitFate = second;
  };
  const publishLetter = (): Promise<void> => {
    come("writes a letter");
    return letter.promise;
  };
  const deliveries = deliveriesTo<unknown>({ inbox, onError: () => undefined }, work, publishLetter, {
    clock,
    random: () => 0,
  });
  const message = { id, topic: "orders", headers: {}, body: new Uint8Array() };
  return {
    next,
    /** The events that no step waits for. */
    unexpected: (): readonly Event[] => events,
    /** Hands the message to the inbox, or ends its wait for the next try. */
    tryIt(): void {
      commitFate = "commit";
      if (hasBegun) return wake();
      hasBegun = true;
      void deliveries.handle(message).then((action) => come(action === "acknowledge" ? "acknowledges" : "gives back"));
    },
    close(): void {
      void deliveries.close();
      if (!hasBegun) this.tryIt();
    },
    /** @returns whether its database has to roll back. */
    die(phase: number): boolean {
      isDead = true;
      fate.resolve("die");
      return !isHeld && (phase === working || phase === committing);
    },
    decide: (what: Fate): void => fate.resolve(what),
    writeLetter(): void {
      letter.resolve();
      letter = Promise.withResolvers();
    },
  };
}

/** A consumer in the words of the model. */
interface Taker {
  process: ReturnType<typeof openProcess>;
  phase: number;
  verdict: number;
  tries: number;
}

/**
 * Replays inbox.pml on two real inboxes over SQLite: every step of the model is taken, each walk with another message, and
 * after each step the state of records, locks, effects, broker and consumers is the model's.
 */
export async function replayInbox(
  lines: Iterable<string>,
  definitions: readonly string[],
  folder: string,
): Promise<ReplayedWalks> {
  const isHeld = definitions.includes("HELD");
  const database = openDatabase(folder);
  try {
    const walks = walksThrough(readSteps(lines), firstState);
    return await replayWalks(walks, (walk) => beginWalk(database, `message ${walk}`, isHeld));
  } finally {
    await database.close();
  }
}

function beginWalk(database: Database, id: string, isHeld: boolean): Walked {
  const broker = { waiting: 1, letter: 0, acknowledged: 0 };
  const owners = new Map<string, number>();
  const begin = (index: number): Taker => ({
    process: openProcess(database, database.stores[index]!, id, isHeld, (owner) => owners.set(owner, index + 1)),
    phase: idle,
    verdict: 0,
    tries: 0,
  });
  const consumers = [begin(0), begin(1)];

  const stateText = async (): Promise<string> => {
    const found = await database.observer.inspect({ scope: consumer, key: id });
    const owner = isHeld && found !== undefined ? owners.get(found.record.owner) : 0;
    const record = [found === undefined ? 0 : states[found.state], owner, Number(found?.state === "running")];
    return [
      Object.values(broker).join(),
      [...record, Number(database.isLocked())].join(),
      database.effects(id),
      ...consumers.map(({ phase, verdict, tries }) => [phase, verdict, tries].join()),
    ].join(";");
  };
  /** A process without a message is as good as a new one. */
  const leave = (index: number): void => void (consumers[index] = begin(index));
  const decide = (one: Taker, verdict: number): void => void Object.assign(one, { phase: decided, verdict });

  /** Notes what a consumer came to. */
  const follow = async (one: Taker): Promise<void> => {
    const event = await one.process.next();
    switch (event) {
      case "works":
        return void (one.phase = working);
      case "has worked":
        return void (one.phase = committing);
      case "waits":
        return void (one.phase = handling);
      case "writes a letter":
        return decide(one, verdicts.letter);
      case "acknowledges":
        return decide(one, verdicts.acknowledge);
      case "gives back":
        return decide(one, verdicts["give-back"]);
      default:
        throw new Error(`the consumer came to ${event}`);
    }
  };
  const execute = async (what: string, index: number): Promise<void> => {
    const one = consumers[index]!;
    switch (what) {
      case "take":
        broker.waiting -= 1;
        return void (one.phase = handling);
      case "claim":
      case "wait":
      case "find done":
      case "find unknown":
        one.process.tryIt();
        return follow(one);
      case "close":
        one.process.close();
        return follow(one);
      case "fail":
        one.tries += 1;
        one.process.decide("fail");
        return follow(one);
      case "reject":
      case "work":
      case "commit":
      case "commit unheard":
      case "fail to commit":
        one.process.decide(what);
        return follow(one);
      case "write letter":
        one.process.writeLetter();
        await follow(one);
        return void (broker.letter = 1);
      case "acknowledge":
        broker.acknowledged = 1;
        return leave(index);
      case "acknowledge unheard":
      case "give back":
        broker.waiting += 1;
        return leave(index);
      case "die":
        broker.waiting += 1;
        await kill(one);
        return leave(index);
      case "deliver again":
        return void (broker.waiting += 1);
      case "end lease":
        return database.endLease();
      case "forget":
        return void (await database.observer.purge({ limit: 100 }));
      default:
        throw new Error("the code has no such step");
    }
  };
  const kill = async ({ process, phase }: Taker): Promise<void> => {
    if (process.die(phase)) while ((await process.next()) !== "is dead") continue;
  };
  return {
    async execute(what, index) {
      await execute(what, index);
      const unexpected = consumers.flatMap(({ process }) => process.unexpected());
      if (unexpected.length > 0) throw new Error(`a consumer ${unexpected.join(" and ")}, by itself`);
    },
    stateText,
    end: async () => {
      for (const one of consumers) await kill(one);
    },
  };
}
