import { type MemoryTransaction, memoryOutbox, type OutboxFlaw } from "../../../support/outbox/memory-outbox.ts";
import type { NewMessage } from "../../../../packages/once-again/src/messaging/outbox/index.ts";
import type { RelaySource } from "../../../../packages/once-again/src/stores/outbox-store.ts";
import { type Fate, fateOf, remoteCall, type Scene } from "../scene.ts";
import { epochMs, type SimulatedProcess } from "../simulated-process.ts";
import type { CriticalWindow, FaultKind } from "../windows.ts";
import type { MessageLedger } from "./ledger.ts";
import type { MessagePlan } from "./plan.ts";

/** The services' database with its outbox, over a network. */
export interface OutboxDatabase {
  /** How many messages wait. */
  readonly waiting: () => number;
  /** How many transactions are open. */
  readonly open: () => number;
  /** The outbox as a relay sees it. */
  sourceOf(process: SimulatedProcess): RelaySource;
  /** Adds messages in one transaction, works for a while, and commits or rolls back. */
  transact(process: SimulatedProcess, messages: readonly NewMessage[], ending: TransactionPlan): Promise<void>;
  /** Rolls back what the dead process had open, but for a commit that is on its way. */
  crashed(process: SimulatedProcess): void;
  /** Has every parked message published again, as a person does who has mended the route. */
  retryParked(): Promise<void>;
  /** Who has claimed a message last. */
  holderOf(id: string): SimulatedProcess | undefined;
}

/** How a transaction goes. */
export interface TransactionPlan {
  /** How long it works before it adds, and how long it stays open after that, milliseconds. */
  readonly workMs: number;
  readonly openMs: number;
  readonly commits: boolean;
}

interface Open {
  readonly process: SimulatedProcess;
  isCommitting: boolean;
  rollback(): void;
}

interface Holder {
  readonly process: SimulatedProcess;
  readonly owner: string;
}

/** @param isCut whether a process can't reach the database at present. */
export function outboxDatabase(
  scene: Scene<MessagePlan>,
  ledger: MessageLedger,
  isCut: (process: SimulatedProcess) => boolean,
  flaw: OutboxFlaw | undefined,
): OutboxDatabase {
  const { diary, plan, time } = scene;
  const clock = { now: () => epochMs + Math.floor(time.now), monotonic: () => time.now, timer: time.after };
  const memory = memoryOutbox({ clock, ...(flaw && { flaw }) });
  const { outbox, rows } = memory;
  const open = new Set<Open>();
  const holders = new Map<string, Holder>();
  const listeners = new Set<() => void>();
  let claimedUpTo = 0;

  const call = <Answer>(
    process: SimulatedProcess,
    share: number,
    carryOut: (fate: Fate) => Promise<Answer>,
    lost?: CriticalWindow,
  ): Promise<Answer> => {
    diary.portCalls += 1;
    const fate = isCut(process) ? "lost before" : fateOf(scene, share);
    const fault = faultOf[fate];
    if (fault !== undefined) diary.fault(fault);
    if (fate === "lost before" && lost !== undefined) diary.window(lost);
    return remoteCall(scene, process, fate, () => carryOut(fate));
  };

  const noteClaim = (process: SimulatedProcess, owner: string, ids: readonly string[]): void => {
    for (const id of ids) {
      const holder = holders.get(id);
      if (holder !== undefined && holder.owner !== owner) diary.window("claimed message taken over");
      holders.set(id, { process, owner });
    }
  };
  /** A late owner must change nothing that is another's, or that was parked. */
  const guarded = async (owner: string, positions: readonly string[], change: () => Promise<void>): Promise<void> => {
    const others = rows.filter(
      (row) =>
        positions.includes(String(row.position)) &&
        (row.parkedAt !== undefined || (row.owner !== undefined && row.owner !== owner)),
    );
    const before = JSON.stringify(others);
    await change();
    if (others.length > 0) diary.window("relay was late, and gave nothing back that another had");
    if (JSON.stringify(others) === before) return;
    const [{ message } = { message: { id: "" } }] = others;
    ledger.breach("late-owner-changes-nothing", `A late relay changed ${message.id}.`, message.id);
  };

  return {
    waiting: () => rows.length,
    open: () => open.size,
    holderOf: (id) => holders.get(id)?.process,
    sourceOf: (process) => ({
      claim: (request) =>
        call(process, plan.storeFaults, async (fate) => {
          const claimed = await outbox.claim(request);
          const messages = claimed.batches.flatMap((batch) => batch.messages);
          const ids = messages.map(({ id }) => id);
          noteClaim(process, request.owner, ids);
          claimedUpTo = Math.max(claimedUpTo, ...messages.map(({ position }) => Number(position)));
          if (ids.length > 0) diary.note(`${process.name}: claim ${ids.join(" ")}, ${fate}`);
          if (ids.length > 0 && fate === "lost after") diary.window("claim executed, answer lost");
          return claimed;
        }),
      confirm: (positions) =>
        call(
          process,
          plan.storeFaults,
          async (fate) => {
            const gone = rows.filter(({ position }) => positions.includes(String(position)));
            for (const { message } of gone) holders.delete(message.id);
            await outbox.confirm(positions);
            diary.note(`${process.name}: remove ${gone.map(({ message }) => message.id).join(" ")}, ${fate}`);
            if (fate === "lost after") diary.window("removal executed, answer lost");
          },
          "removal lost before it was executed",
        ),
      postpone: (requests) =>
        call(process, plan.storeFaults, async (fate) => {
          for (const request of requests) {
            const row = rows.find(({ position }) => String(position) === request.position);
            await guarded(request.owner, [request.position], () => outbox.postpone([request]));
            if (row === undefined) continue;
            const { id } = row.message;
            if (row.owner === undefined) holders.delete(id);
            diary.note(
              `${process.name}: give back ${id}, ${request.refusal ?? "not refused"}, ${request.park ?? ""} ${fate}`,
            );
            if (row.parkedAt !== undefined) diary.window("message parked");
          }
        }),
      async listen(onAdded, onLost) {
        if (isCut(process)) throw new Error("ECONNREFUSED");
        const after = process.thisLife();
        const hear = (): void => {
          if (!isCut(process)) return void after(scene.delay(), onAdded);
          listeners.delete(hear);
          after(scene.delay(), () => onLost(new Error("ECONNRESET")));
        };
        listeners.add(hear);
        return async () => void listeners.delete(hear);
      },
    }),
    async transact(process, messages, { workMs, openMs, commits }) {
      const { transaction, commit, rollback } = await memory.begin();
      let adding = Promise.resolve<unknown>(undefined);
      let hasEnded = false;
      const end = (how: () => Promise<void>): void => {
        if (hasEnded) return;
        hasEnded = true;
        open.delete(mine);
        // An addition that waits for a key must get it before it can let go.
        void adding.catch(() => undefined).then(how);
      };
      const mine: Open = { process, isCommitting: false, rollback: () => end(rollback) };
      open.add(mine);
      const work = (ms: number): Promise<void> => new Promise((resolve) => void process.after(ms, resolve));
      try {
        // The rows of the transaction itself are written first.
        await work(workMs);
        for (const message of messages) {
          await call(process, plan.storeFaults / 2, async () => {
            if (hasEnded) throw new Error("The transaction is over.");
            const begun = time.now;
            adding = outbox.add(transaction, message);
            await adding;
            if (time.now > begun) diary.window("adders of one key waited for each other");
          });
        }
        await work(openMs);
        if (!commits) {
          diary.window("transaction rolled back after its add");
          return;
        }
        mine.isCommitting = true;
        const fate = isCut(process) ? "lost before" : commitFate(scene);
        if (fate === "lost before") {
          diary.window("commit lost before it was executed");
          // The connection is gone, and the transaction with it, whether or not its service lives.
          time.after(scene.delay(), mine.rollback);
        }
        diary.portCalls += 1;
        await remoteCall(scene, process, fate, async () => {
          if (hasEnded) throw new Error("The transaction is over.");
          end(async () => {
            commitNow(transaction, messages, commit);
            diary.note(`${process.name}: commit ${messages.map(({ id }) => id).join(" ")}, ${fate}`);
            if (fate === "lost after") diary.window("commit executed, answer lost");
          });
        });
      } finally {
        mine.rollback();
      }
    },
    crashed(process) {
      for (const transaction of open) {
        if (transaction.process !== process || transaction.isCommitting) continue;
        diary.window("service died inside its transaction");
        transaction.rollback();
      }
    },
    async retryParked() {
      for (const { id } of await outbox.listUnconfirmed({ state: "parked" })) {
        await outbox.retryParked(id);
        diary.window("parked message published after all");
      }
    },
  };

  function commitNow({ added }: MemoryTransaction, messages: readonly NewMessage[], commit: () => Promise<void>): void {
    if (added.some(({ position }) => position < claimedUpTo)) {
      diary.window("message committed late, a younger one was claimed before");
    }
    ledger.commit(messages.map(({ id = "", orderingKey }) => ({ id, orderingKey })));
    void commit();
    for (const hear of listeners) hear();
  }
}

/** A commit arrives or does not; it is never late, since its transaction ends with its connection. */
function commitFate(scene: Scene): Exclude<Fate, "late"> {
  const fate = fateOf(scene, scene.plan.storeFaults);
  return fate === "late" ? "lost after" : fate;
}

const faultOf: Partial<Record<Fate, FaultKind>> = {
  "lost before": "port call failed before it applied",
  "lost after": "port call applied, answer lost",
  late: "port call late",
};
