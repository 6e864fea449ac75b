import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { systemClock } from "../../../packages/once-again/src/core/system-clock.ts";
import { openRelay, refusedError, unavailableError } from "../../../packages/once-again/src/messaging/outbox/index.ts";
import type { PostponeRequest } from "../../../packages/once-again/src/stores/outbox-store.ts";
import { type SqliteOutbox, sqliteOutbox } from "../../../packages/once-again/src/stores/sqlite/index.ts";
import { type ReplayedWalks, replayWalks, type Walked } from "./replay-walks.ts";
import { readSteps, walksThrough } from "./walks.ts";

/** The writers of the model, by their phases. */
const writerPhases = { absent: 0, open: 1, committed: 2, back: 3 } as const;
const firstState = "0,0;0,0,0,0,0;0,0,0,0,0;0;0,0,0,0,0,0,0,0;0,0,0,0,0,0,0,0;0,0,0,0,0,0;0;0,0";

/** The time of the table, which stands still. A row is due when the model says so. */
const now = 1000;
const leaseMs = 60_000;
const [delayMs, pollMs] = [5000, 50];
const refusalsMax = 2;
/** How long a relay may take to its next call, milliseconds: one that takes longer is not where its model says. */
const eventMsMax = 20_000;

/** A relay is about to ask for something, and waits for the step of the model that lets it. */
interface Asks {
  readonly what: "claim" | "publish" | "return" | "confirm";
  /** Of a publish the message; of a return its request; of a confirm the positions. */
  readonly message?: number;
  readonly requests?: readonly PostponeRequest[];
  readonly positions?: readonly string[];
  /** Lets it go on: as it asks, unheard, or not at all. */
  readonly answer: (how: "done" | "unheard" | "lost" | "refused" | "nothing") => void;
}

interface Row {
  readonly position: number;
  readonly id: string;
  readonly owner: string | null;
  readonly due_at: number;
  readonly refusals: number;
  readonly parked_at: number | null;
}

/** The count of refusals that a request writes; 0 where it leaves the one that was known, as one without a refusal does. */
const newCount = ({ refusals = 0 }: PostponeRequest, known: number): number => (refusals === known ? 0 : refusals);

/** One real relay: each call of its outbox and its broker waits for a step of the model. */
function openSteppedRelay(outbox: SqliteOutbox) {
  const asked: Asks[] = [];
  let onAsk = (): void => undefined;
  let isDead = false;
  let monotonic = 0;
  const timers = new Set<() => void>();

  const ask = <Value>(one: Omit<Asks, "answer">, run: (how: Parameters<Asks["answer"]>[0]) => Promise<Value>) =>
    new Promise<Value>((resolve, reject) => {
      const answer: Asks["answer"] = (how) => void run(how).then(resolve, reject);
      if (isDead) return;
      asked.push({ ...one, answer });
      onAsk();
    });
  let [owner, known] = ["", 0];
  const source = {
    claim: (request: Parameters<SqliteOutbox["claim"]>[0]) =>
      ask({ what: "claim" }, async (how) => {
        if (how === "nothing") return { batches: [], hasMore: false };
        const claimed = await outbox.claim(request);
        owner = request.owner;
        const messages = claimed.batches.flatMap((batch) => batch.messages);
        known = messages.find(({ id }) => id === "0")?.refusals ?? 0;
        answered.resolve(messages.map(({ id }) => Number(id)));
        if (how === "unheard") throw new Error("The connection is lost.");
        return claimed;
      }),
    postpone: (requests: readonly PostponeRequest[]) =>
      ask({ what: "return", requests }, async (how) => {
        if (how === "lost") throw new Error("The connection is lost.");
        await outbox.postpone(requests);
        answered.resolve([]);
      }),
    confirm: (positions: readonly string[]) =>
      ask({ what: "confirm", positions }, async () => {
        await outbox.confirm(positions);
        answered.resolve([]);
      }),
  };
  let answered = Promise.withResolvers<readonly number[]>();
  const relay = openRelay({
    outbox: source,
    publish: ({ id }) =>
      ask({ what: "publish", message: Number(id) }, async (how) => {
        if (how === "refused") throw refusedError("There is no such queue.");
        if (how !== "done") throw unavailableError("There was no confirmation.");
      }),
    leaseMs,
    pollMs,
    refusalsMax,
    backoff: () => delayMs,
    clock: {
      now: () => now,
      monotonic: () => monotonic,
      timer: (_ms, callback) => {
        timers.add(callback);
        return () => void timers.delete(callback);
      },
    },
    onError: () => undefined,
  });
  /** The call for which the relay waits; a claim only where nothing else is asked for. */
  const waitsFor = (what: Asks["what"]): Asks | undefined => asked.find((one) => one.what === what);
  const comesTo = async (what: Asks["what"]): Promise<Asks> => {
    const over = Promise.withResolvers<"late">();
    const cancel = systemClock.timer(eventMsMax, () => over.resolve("late"));
    while (waitsFor(what) === undefined) {
      const came = new Promise<"asked">((resolve) => (onAsk = () => resolve("asked")));
      if ((await Promise.race([came, over.promise])) === "late") break;
    }
    cancel();
    const one = waitsFor(what);
    if (one === undefined)
      throw new Error(`it does not ask for a ${what}, but for ${asked.map((other) => other.what).join()}`);
    return one;
  };
  const until = async (what: Asks["what"]): Promise<Asks> => {
    const one = await comesTo(what);
    asked.splice(asked.indexOf(one), 1);
    return one;
  };
  return {
    until,
    comesTo,
    waitsFor,
    owner: (): string => owner,
    /** How often the first message was refused when it was claimed. */
    known: (): number => known,
    /** Answers a call, and resolves when the table has changed; with the messages of a claim. */
    async answer(one: Asks, how: Parameters<Asks["answer"]>[0]): Promise<readonly number[]> {
      answered = Promise.withResolvers();
      one.answer(how);
      return answered.promise;
    },
    /** Has it look for messages now, whatever it waits for: it is past every pause. */
    async claimNow(): Promise<Asks> {
      waitsFor("claim")?.answer("nothing");
      if (waitsFor("claim") !== undefined) asked.splice(asked.indexOf(waitsFor("claim")!), 1);
      monotonic += 3_600_000;
      relay.wake();
      return until("claim");
    },
    passTime(): void {
      for (const fire of [...timers]) {
        timers.delete(fire);
        fire();
      }
    },
    die: (): void => void (isDead = true),
  };
}

type SteppedRelay = ReturnType<typeof openSteppedRelay>;

/** A relay in the words of the model. */
interface Holder {
  relay: SteppedRelay;
  isActive: boolean;
  owner: string;
  left: number[];
  done: number[];
}

/**
 * Replays outbox.pml with one ordering key on two real relays and an outbox in SQLite. After each step the rows, the calls for which the
 * relays wait, and the broker are the model's.
 *
 * @param every of how many walks one is taken; default all are, which takes minutes.
 */
export async function replayOutbox(lines: Iterable<string>, folder: string, every = 1): Promise<ReplayedWalks> {
  const path = join(folder, "outbox.db");
  const clock = { ...systemClock, now: () => now };
  const outboxes = [0, 1].map(() => sqliteOutbox({ path, clock }));
  const database = new DatabaseSync(path);
  try {
    const walks = walksThrough(readSteps(lines), firstState).filter((_walk, at) => at % every === 0);
    return await replayWalks(walks, () => beginWalk(database, outboxes));
  } finally {
    database.close();
    for (const outbox of outboxes) await outbox.close();
  }
}

function beginWalk(database: DatabaseSync, outboxes: readonly SqliteOutbox[]): Walked {
  // No step of a walk before is left: its relays ask for nothing more.
  database.exec("DELETE FROM once_again_outbox");
  const begin = (index: number): Holder => ({
    relay: openSteppedRelay(outboxes[index]!),
    isActive: false,
    owner: "",
    left: [],
    done: [],
  });
  const relays = [begin(0), begin(1)];
  const writers: number[] = [writerPhases.absent, writerPhases.absent];
  const published = [false, false];
  let latePublish = 0;
  let late: PostponeRequest | undefined;
  let lateKnown = 0;
  const rowsOf = (): (Row | undefined)[] => {
    const rows = database.prepare("SELECT * FROM once_again_outbox").all() as unknown as Row[];
    return [0, 1].map((message) => rows.find(({ id }) => id === String(message)));
  };
  const messageAt = new Map<string, number>();
  const positions: (number | undefined)[] = [undefined, undefined];

  const holderOf = (owner: string | null | undefined): number => {
    if (owner === null || owner === undefined) return 0;
    const at = relays.findIndex((one) => one.isActive && one.owner === owner);
    return at < 0 ? 3 : at + 1;
  };
  const relayText = ({ relay, isActive, left, done }: Holder): string => {
    const request = relay.waitsFor("return")?.requests?.[0];
    const gives =
      request === undefined
        ? [0, 0, 0]
        : [messageAt.get(request.position)! + 1, newCount(request, relay.known()), Number(request.park !== undefined)];
    return [
      Number(isActive),
      left.includes(0) ? relay.known() + 1 : 0,
      Number(left.includes(1)),
      ...[0, 1].map((message) => Number(done.includes(message))),
      ...gives,
    ].join();
  };
  const stateText = (): string => {
    const rows = rowsOf();
    const [first, second] = positions;
    return [
      writers.join(),
      ...rows.map((row) =>
        row === undefined
          ? "0,0,0,0,0"
          : [
              1,
              holderOf(row.owner),
              Number(row.due_at <= now && row.parked_at === null),
              row.refusals,
              Number(row.parked_at !== null),
            ].join(),
      ),
      Number(first !== undefined && second !== undefined && second < first),
      ...relays.map(relayText),
      [
        holderOf(late?.owner),
        ...rows.map((row) => Number(late !== undefined && row?.owner === late.owner)),
        late === undefined ? 0 : messageAt.get(late.position),
        late === undefined ? 0 : newCount(late, lateKnown),
        Number(late?.park !== undefined),
      ].join(),
      latePublish,
      published.map(Number).join(),
    ].join(";");
  };
  /** Waits until the relay asks for its next publish, or for the end of its batch. */
  const goOn = async (one: Holder): Promise<void> => {
    const [next] = one.left;
    if (next !== undefined) await isNext(one.relay, "publish");
    else if (one.done.length > 0) await isNext(one.relay, "confirm");
  };
  const isNext = async (relay: SteppedRelay, what: Asks["what"]): Promise<void> => void (await relay.comesTo(what));
  const publish = async (one: Holder, how: Parameters<Asks["answer"]>[0]): Promise<number> => {
    const call = await one.relay.until("publish");
    if (call.message !== one.left[0]) throw new Error(`it publishes message ${call.message}`);
    one.left = how === "done" ? one.left.slice(1) : [];
    if (how === "done") one.done.push(call.message!);
    call.answer(how);
    if (how === "done") await goOn(one);
    else await isNext(one.relay, "return");
    return call.message!;
  };
  const end = (index: number): void => void (relays[index] = begin(index));

  const execute = async (what: string, index: number): Promise<void> => {
    const one = relays[index]!;
    switch (what) {
      case "add":
        return void (writers[index] = writerPhases.open);
      case "commit":
      case "roll back": {
        // SQLite has one writer at a time, so the whole transaction is here.
        writers[index] = what === "commit" ? writerPhases.committed : writerPhases.back;
        database.exec("BEGIN IMMEDIATE");
        await outboxes[0]!.add(database, {
          id: String(index),
          topic: "orders",
          orderingKey: "k",
          body: new Uint8Array(),
        });
        database.exec(what === "commit" ? "COMMIT" : "ROLLBACK");
        const position = rowsOf()[index]?.position;
        if (position === undefined) return;
        positions[index] = position;
        return void messageAt.set(String(position), index);
      }
      case "claim":
      case "claim unheard": {
        const call = await one.relay.claimNow();
        const claimed = await one.relay.answer(call, what === "claim" ? "done" : "unheard");
        if (claimed.length === 0) throw new Error("it finds nothing");
        if (what === "claim unheard") return;
        Object.assign(one, { isActive: true, owner: one.relay.owner(), left: [...claimed], done: [] });
        return isNext(one.relay, "publish");
      }
      case "publish":
        return void (published[await publish(one, "done")] = true);
      case "publish unheard":
        return void (published[await publish(one, "unheard")] = true);
      case "publish refused":
        return void (await publish(one, "refused"));
      case "publish lost":
        return void (await publish(one, "lost"));
      case "publish late":
        return void (latePublish = (await publish(one, "lost")) + 1);
      case "return": {
        await one.relay.answer(await one.relay.until("return"), "done");
        return goOn(one);
      }
      case "return late": {
        const call = await one.relay.until("return");
        [late] = call.requests!;
        lateKnown = one.relay.known();
        call.answer("lost");
        await new Promise((resolve) => setImmediate(resolve));
        one.relay.passTime();
        return isNext(one.relay, "return");
      }
      case "confirm":
        if (one.done.length > 0) {
          const call = await one.relay.until("confirm");
          const confirmed = call.positions!.map((position) => messageAt.get(position)).join();
          if (confirmed !== one.done.join()) throw new Error(`it confirms ${confirmed}`);
          await one.relay.answer(call, "done");
        }
        return void Object.assign(one, { isActive: false, owner: "", left: [], done: [] });
      case "die":
        one.relay.die();
        return end(index);
      case "come due":
        return void database.prepare("UPDATE once_again_outbox SET due_at = 0 WHERE id = ?").run(String(index));
      case "accept late":
        published[latePublish - 1] = true;
        return void (latePublish = 0);
      case "return arrives":
        await outboxes[0]!.postpone([late!]);
        return void (late = undefined);
      default:
        throw new Error("the code has no such step");
    }
  };
  return {
    execute,
    stateText: async (): Promise<string> => stateText(),
    end: async (): Promise<void> => {
      for (const { relay } of relays) relay.die();
    },
  };
}
