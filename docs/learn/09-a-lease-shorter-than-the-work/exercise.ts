/** Where workers claim keys. A claim holds until its lease ends, or for good once the work is marked as done. */
export interface KeyStore {
  /** "yours": the key is claimed for `leaseMs`. "busy": another worker holds it. "done": the work was done before. */
  claim(key: string, worker: string, leaseMs: number): Promise<"yours" | "busy" | "done">;
  /** Lets the lease end `leaseMs` from now. Answers false if this worker holds it no longer. */
  renew(key: string, worker: string, leaseMs: number): Promise<boolean>;
  markDone(key: string, worker: string): Promise<void>;
}

/** The time of this worker. */
export interface Clock {
  /** Calls back once. Returns a function that cancels it. */
  timer(delayMs: number, callback: () => void): () => void;
}

/** Charges a payment once, whichever of many workers takes it. `charge` takes some seconds. */
export async function chargeOnce(
  key: string,
  worker: string,
  { store, charge }: { store: KeyStore; clock: Clock; charge: () => Promise<void> },
): Promise<"charged" | "busy" | "done"> {
  const claim = await store.claim(key, worker, 1000);
  if (claim !== "yours") return claim;
  await charge();
  await store.markDone(key, worker);
  return "charged";
}
