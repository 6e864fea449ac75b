import type {
  ClaimAnswer,
  ClaimRequest,
  KeyRecord,
  RecordName,
  Store,
} from "../../../packages/once-again/src/stores/store.ts";

/** A way in which a store can be wrong, and the case of the contract that must say so. */
export interface BrokenStore {
  readonly flaw: string;
  /** The beginning of that case's name. */
  readonly caughtBy: string;
  /** Puts the flaw in front of a store that is right. */
  break(store: Store): Partial<Store>;
}

/** The record of a request, as it is stored, for any owner. */
export async function recordOf(store: Store, name: RecordName): Promise<KeyRecord | undefined> {
  return (await store.inspect(name))?.record;
}

/** The same request, as its owner would send it. */
export async function asOwner<Request extends RecordName>(
  store: Store,
  request: Request,
): Promise<Request & { owner: string }> {
  return { ...request, owner: (await recordOf(store, request))?.owner ?? "" };
}

/** A store that is wrong in what it answers to a claim. */
export function answering(
  store: Store,
  change: (answer: ClaimAnswer, request: ClaimRequest) => ClaimAnswer,
): Partial<Store> {
  return { claim: async (request) => change(await store.claim(request), request) };
}
