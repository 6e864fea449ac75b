import { asyncStore } from "../../support/async-store.ts";
import { memoryStore } from "../../../packages/once-again/src/stores/memory/index.ts";
import type {
  KeyRecord,
  MarkAnswer,
  MarkRequest,
  RecordName,
  TransactionalStore,
  TransactionEnding,
} from "../../../packages/once-again/src/stores/store.ts";
import { TransactionGuard } from "../../../packages/once-again/src/stores/guard/guard.ts";
import { inspectRecord, transition } from "../../../packages/once-again/src/stores/transition.ts";
import type { Effect, EffectRequest, EffectService } from "./effects.ts";
import type { Executions } from "./executions.ts";
import { fateOf, remoteCall, type Scene } from "./scene.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import { epochMs } from "./simulated-process.ts";

/** The transaction that a handler gets. */
export interface SimulatedTransaction {
  /** Writes an effect, which is there when the transaction is committed. */
  write(request: EffectRequest): Promise<Effect>;
  /** Moves a high-water mark, which is there when the transaction is committed, and locked until then. */
  moveMark(request: MarkRequest): Promise<MarkAnswer>;
}

/** A database with transactions. A transaction holds its key's lock; when its process dies, it is rolled back. */
export interface SimulatedDatabase {
  storeOf(process: SimulatedProcess): TransactionalStore<SimulatedTransaction>;
  inspect(name: RecordName): ReturnType<typeof inspectRecord> | undefined;
  /** Rolls back what the dead process had open, but for a commit that is on its way. */
  crashed(process: SimulatedProcess): void;
}

interface Lock {
  readonly process: SimulatedProcess;
  isCommitting: boolean;
}

export function simulatedDatabase(scene: Scene, effects: EffectService, executions: Executions): SimulatedDatabase {
  const { diary, plan, time } = scene;
  const records = new Map<string, KeyRecord>();
  const locks = new Map<string, Lock>();
  const marks = new Map<string, MarkRequest>();
  const markLocks = new Map<string, Lock>();
  const idOf = ({ scope, key }: RecordName): string => JSON.stringify([scope, key]);
  const now = (): number => epochMs + Math.floor(time.now);

  /** The guard is the one of the real stores. What it lets through after the end, a connection would commit by itself. */
  const openTransaction = (process: SimulatedProcess, lock: Lock) => {
    const written: Effect[] = [];
    const moved = new Map<string, MarkRequest>();
    const { life } = process;
    const guard = new TransactionGuard("postgres", undefined, () =>
      diary.window("effect refused after the end of its transaction"),
    );
    let isOpen = true;
    const transaction: SimulatedTransaction = {
      async write(request) {
        guard.enter();
        const effect: Effect = { ...request, number: effects.nextNumber() };
        if (isOpen) written.push(effect);
        else effects.commit([effect]);
        return remoteCall(scene, process, "answered", () => effect);
      },
      async moveMark(request) {
        guard.enter();
        diary.portCalls += 1;
        return remoteCall(scene, process, fateOf(scene, plan.storeFaults / 2), () => {
          if (!isOpen || process.life !== life || !process.isAlive) throw new Error("The transaction is over.");
          const id = idOf(request);
          const holder = markLocks.get(id);
          if (holder !== undefined && holder !== lock) {
            diary.window("mark that another consumer of its partition is moving");
            return { kind: "locked" };
          }
          const mark = marks.get(id);
          if (mark === undefined || mark.position < request.position) {
            markLocks.set(id, lock);
            moved.set(id, request);
            return { kind: "moved" };
          }
          if (mark.position > request.position) diary.window("repeat of a numbered message after later ones");
          return { kind: "behind", position: mark.position, storedAt: mark.storedAt };
        });
      },
    };
    const end = (): void => {
      isOpen = false;
      guard.end();
    };
    /** The rows that are there from the commit on. */
    const commit = (): void => {
      effects.commit(written);
      for (const [id, request] of moved) marks.set(id, request);
    };
    return { commit, transaction, end };
  };
  const unlockMarks = (lock: Lock): void => {
    for (const [id, holder] of markLocks) if (holder === lock) markLocks.delete(id);
  };

  /** Runs work in a transaction that has begun, and ends it. */
  const endAfter = async <Value>(
    process: SimulatedProcess,
    lock: Lock,
    { name, unlock, store }: { name: string; unlock: () => void; store: (result: Uint8Array) => void },
    work: (transaction: SimulatedTransaction) => Promise<TransactionEnding<Value>>,
  ): Promise<Value> => {
    const { commit, transaction, end } = openTransaction(process, lock);
    const { keep, result, value } = await work(transaction).finally(end);
    if (keep === "rollback") return value;
    lock.isCommitting = true;
    const drawn = fateOf(scene, plan.storeFaults);
    const fate = drawn === "late" ? "lost after" : drawn;
    if (fate === "lost before") {
      diary.window("commit lost before it was executed");
      time.after(scene.delay(), unlock);
    }
    diary.portCalls += 1;
    await remoteCall(scene, process, fate, () => {
      store(result);
      if (keep === "commit") commit();
      unlock();
      diary.note(`${process.name}: commit ${name}, ${fate}`);
      if (fate === "lost after") diary.window("commit executed, answer lost");
    });
    return value;
  };

  const inspect: SimulatedDatabase["inspect"] = (name) => {
    const record = records.get(idOf(name));
    return record && inspectRecord(name, record, now());
  };

  const storeOf = (process: SimulatedProcess): TransactionalStore<SimulatedTransaction> => ({
    ...asyncStore(memoryStore()),
    inspect: (name) => remoteCall(scene, process, fateOf(scene, plan.storeFaults / 2), () => inspect(name)),
    transactStep: () => Promise.reject(new Error("No steps here.")),
    moveMark: (transaction, request) => transaction.moveMark(request),
    async transactUnkeyed(work) {
      const lock: Lock = { process, isCommitting: false };
      const unlock = (): void => unlockMarks(lock);
      diary.portCalls += 1;
      await remoteCall(scene, process, fateOf(scene, plan.storeFaults / 2), () => undefined);
      try {
        return await endAfter(process, lock, { name: "without a key", unlock, store: () => undefined }, work);
      } finally {
        unlock();
      }
    },
    async transact<Value>(
      request: Parameters<TransactionalStore<SimulatedTransaction>["transact"]>[0],
      work: (transaction: SimulatedTransaction) => Promise<TransactionEnding<Value>>,
    ) {
      const id = idOf(request);
      const claim = { kind: "claim", ...request, owner: "", leaseMs: 0 } as const;
      const lock: Lock = { process, isCommitting: false };
      const unlock = (): void => {
        if (locks.get(id) === lock) locks.delete(id);
        unlockMarks(lock);
      };
      const { life } = process;
      let isConnected = true;
      diary.portCalls += 1;
      const begun = await remoteCall(scene, process, fateOf(scene, plan.storeFaults / 2), () => {
        if (locks.has(id)) return { kind: "in-progress", leaseMsLeft: 0 } as const;
        const { answer } = transition(records.get(id), claim, now());
        if (answer.kind === "acquired" && isConnected && process.isAlive && process.life === life) locks.set(id, lock);
        return answer;
      }).catch((error: unknown) => {
        // The connection is broken, and what it had begun is rolled back.
        isConnected = false;
        unlock();
        throw error;
      });
      if (begun.kind !== "acquired") return begun;
      try {
        const store = (result: Uint8Array): void => {
          const { record } = transition(records.get(id), claim, now());
          const completion = { kind: "complete", ...request, owner: "", result } as const;
          const completed = transition(record, completion, now()).record;
          if (completed !== undefined) records.set(id, completed);
        };
        return { kind: "executed", value: await endAfter(process, lock, { name: id, unlock, store }, work) };
      } finally {
        executions.end(process, request);
        unlock();
      }
    },
  });
  return {
    storeOf,
    inspect,
    crashed(process) {
      const isRolledBack = (lock: Lock): boolean => lock.process === process && !lock.isCommitting;
      for (const [id, lock] of locks) if (isRolledBack(lock)) locks.delete(id);
      for (const [id, lock] of markLocks) {
        if (!isRolledBack(lock)) continue;
        diary.window("crash inside a transaction that has moved a mark");
        markLocks.delete(id);
      }
    },
  };
}
