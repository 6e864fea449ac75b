import { asyncStore } from "../../support/async-store.ts";
import { memoryStore } from "../../../packages/once-again/src/stores/memory/index.ts";
import type {
  KeyRecord,
  RecordName,
  TransactionalStore,
  TransactionEnding,
} from "../../../packages/once-again/src/stores/store.ts";
import { TransactionGuard } from "../../../packages/once-again/src/stores/sql/transaction-guard.ts";
import { inspectRecord, transition } from "../../../packages/once-again/src/stores/transition.ts";
import type { Effect, EffectRequest, EffectService } from "./effects.ts";
import type { Executions } from "./executions.ts";
import { fateOf, remoteCall, type Scene } from "./scene.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import { epochMs } from "./simulated-process.ts";

/** What a handler is given of its transaction. */
export interface SimulatedTransaction {
  /** Writes an effect, which is there when the transaction is committed. */
  write(request: EffectRequest): Promise<Effect>;
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
  const idOf = ({ scope, key }: RecordName): string => JSON.stringify([scope, key]);
  const now = (): number => epochMs + Math.floor(time.now);

  /** The guard is the one of the real stores. What it lets through after the end, a connection would commit by itself. */
  const openTransaction = (process: SimulatedProcess) => {
    const written: Effect[] = [];
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
    };
    const end = (): void => {
      isOpen = false;
      guard.end();
    };
    return { written, transaction, end };
  };

  const inspect: SimulatedDatabase["inspect"] = (name) => {
    const record = records.get(idOf(name));
    return record && inspectRecord(name, record, now());
  };

  const storeOf = (process: SimulatedProcess): TransactionalStore<SimulatedTransaction> => ({
    ...asyncStore(memoryStore()),
    inspect: (name) => remoteCall(scene, process, fateOf(scene, plan.storeFaults / 2), () => inspect(name)),
    transactStep: () => Promise.reject(new Error("No steps here.")),
    transactUnkeyed: () => Promise.reject(new Error("No requests without a key here.")),
    async transact<Value>(
      request: Parameters<TransactionalStore<SimulatedTransaction>["transact"]>[0],
      work: (transaction: SimulatedTransaction) => Promise<TransactionEnding<Value>>,
    ) {
      const id = idOf(request);
      const claim = { kind: "claim", ...request, owner: "", leaseMs: 0 } as const;
      const lock: Lock = { process, isCommitting: false };
      const unlock = (): void => void (locks.get(id) === lock && locks.delete(id));
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
        const { written, transaction, end } = openTransaction(process);
        const { keep, result, value } = await work(transaction).finally(end);
        if (keep === "rollback") return { kind: "executed", value };
        lock.isCommitting = true;
        const drawn = fateOf(scene, plan.storeFaults);
        const fate = drawn === "late" ? "lost after" : drawn;
        if (fate === "lost before") {
          diary.window("commit lost before it was carried out");
          time.after(scene.delay(), unlock);
        }
        diary.portCalls += 1;
        await remoteCall(scene, process, fate, () => {
          const { record } = transition(records.get(id), claim, now());
          const completion = { kind: "complete", ...request, owner: "", result } as const;
          const completed = transition(record, completion, now()).record;
          if (completed !== undefined) records.set(id, completed);
          if (keep === "commit") effects.commit(written);
          locks.delete(id);
          diary.note(`${process.name}: commit ${id}, ${fate}`);
          if (fate === "lost after") diary.window("commit carried out, answer lost");
        });
        return { kind: "executed", value };
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
      for (const [id, lock] of locks) if (lock.process === process && !lock.isCommitting) locks.delete(id);
    },
  };
}
