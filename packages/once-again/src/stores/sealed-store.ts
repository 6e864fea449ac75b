import type {
  AsyncStore,
  ClaimAnswer,
  InspectedRecord,
  KeyRecord,
  RecordName,
  Store,
  TransactionalStore,
  OnLateUse,
  TransactionEnding,
} from "./store.ts";
import { type SealKey, sealer, type Sealer } from "./sealer.ts";

/**
 * A store that seals results, checkpoints, details and notes: who reads the database sees none of them. Scopes,
 * keys, fingerprints and times stay readable, since the store decides by them.
 *
 * @param keys the first seals, every one opens; see `SealKey`.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`. Its operations reject with `ONCE_SEAL_BROKEN` for what none of the keys
 *   opens.
 * @example
 * ```ts
 * const keys = [{ id: "2026-11", secret: Buffer.from(process.env["SEAL_KEY"] ?? "", "base64") }];
 * const store = sealedStore(postgresStore(pool), keys);
 * ```
 */
export function sealedStore<Transaction>(
  store: TransactionalStore<Transaction>,
  keys: readonly SealKey[],
): TransactionalStore<Transaction>;
export function sealedStore(store: Store, keys: readonly SealKey[]): AsyncStore;
export function sealedStore(store: Store | TransactionalStore<unknown>, keys: readonly SealKey[]): AsyncStore {
  const seals = sealer(keys);
  const sealed: AsyncStore = {
    survivesFailover: store.survivesFailover,
    retentionMsMax: store.retentionMsMax,
    resultBytesMax: store.resultBytesMax === undefined ? undefined : store.resultBytesMax - seals.overheadBytes,
    claim: async (request) => openedAnswer(seals, request, await store.claim(await withSealedDetails(seals, request))),
    complete: async (request) => store.complete({ ...request, result: await seals.seal(request, request.result) }),
    renew: async (request) => store.renew(await withSealedDetails(seals, request)),
    release: async (request) => store.release(request),
    checkpoint: async (request) => store.checkpoint({ ...request, result: await seals.seal(request, request.result) }),
    inspect: async (name) => {
      const entry = await store.inspect(name);
      return entry === undefined ? undefined : opened(seals, entry);
    },
    list: async (request) => Promise.all((await store.list(request)).map((entry) => opened(seals, entry))),
    resolve: async (request) => {
      const { settlement } = request;
      if (settlement.as !== "done") return store.resolve(request);
      const { result, note } = settlement;
      const sealed = {
        result: await seals.seal(request, result),
        note: note && (await seals.seal({ ...request, fact: "note" }, note)),
      };
      return store.resolve({ ...request, settlement: { ...settlement, ...sealed } });
    },
    purge: async (request) => store.purge(request),
    ...(store.health && { health: () => store.health!() }),
    ...(store.countHeld && { countHeld: () => store.countHeld!() }),
    close: () => store.close(),
  };
  return "transact" in store ? { ...sealed, ...sealedTransactions(store, seals) } : sealed;
}

function sealedTransactions<Transaction>(
  store: TransactionalStore<Transaction>,
  seals: Sealer,
): Pick<TransactionalStore<Transaction>, "transact" | "transactStep" | "transactUnkeyed" | "moveMark"> {
  return {
    ...(store.moveMark && { moveMark: (transaction, request) => store.moveMark!(transaction, request) }),
    transactUnkeyed: (work, onLateUse) => store.transactUnkeyed(work, onLateUse),
    async transactStep(request, work, onLateUse) {
      const sealed = await store.transactStep(
        request,
        async (transaction) => seals.seal(request, await work(transaction)),
        onLateUse,
      );
      return sealed === undefined ? undefined : seals.open(request, sealed);
    },
    async transact<Value>(
      request: Parameters<typeof store.transact>[0],
      work: (transaction: Transaction) => Promise<TransactionEnding<Value>>,
      onLateUse?: OnLateUse,
    ) {
      const sealed = async (transaction: Transaction): Promise<TransactionEnding<Value>> => {
        const ending = await work(transaction);
        return { ...ending, result: await seals.seal(request, ending.result) };
      };
      const answer = await store.transact(await withSealedDetails(seals, request), sealed, onLateUse);
      return answer.kind === "done" ? { ...answer, result: await seals.open(request, answer.result) } : answer;
    },
  };
}

async function withSealedDetails<Request extends RecordName & { details?: Uint8Array | undefined }>(
  seals: Sealer,
  request: Request,
): Promise<Request> {
  const { scope, key, details } = request;
  if (details === undefined) return request;
  return { ...request, details: await seals.seal({ scope, key, fact: "details" }, details) };
}

async function openedAnswer(seals: Sealer, name: RecordName, answer: ClaimAnswer): Promise<ClaimAnswer> {
  switch (answer.kind) {
    case "done":
      return { ...answer, result: await seals.open(name, answer.result) };
    case "acquired":
      return { ...answer, checkpoints: await openedCheckpoints(seals, name, answer.checkpoints) };
    default:
      return answer;
  }
}

async function opened(seals: Sealer, entry: InspectedRecord): Promise<InspectedRecord> {
  const { result, checkpoints, settlementNote, details } = entry.record;
  const { resultBytes } = entry.sizes ?? {};
  return {
    ...entry,
    ...(resultBytes !== undefined && { sizes: { ...entry.sizes!, resultBytes: resultBytes - seals.overheadBytes } }),
    record: {
      ...entry.record,
      result: result === undefined ? undefined : await seals.open(entry, result),
      // A settlement without a note left no sealed one.
      settlementNote: settlementNote?.length
        ? await seals.open({ ...entry, fact: "note" }, settlementNote)
        : settlementNote,
      ...(details && { details: await seals.open({ ...entry, fact: "details" }, details) }),
      checkpoints: await openedCheckpoints(seals, entry, checkpoints),
    },
  };
}

async function openedCheckpoints(
  seals: Sealer,
  name: RecordName,
  checkpoints: KeyRecord["checkpoints"],
): Promise<Record<string, Uint8Array>> {
  const steps = Object.entries(checkpoints).map(
    async ([step, bytes]) => [step, await seals.open({ scope: name.scope, key: name.key, step }, bytes)] as const,
  );
  return Object.fromEntries(await Promise.all(steps));
}
