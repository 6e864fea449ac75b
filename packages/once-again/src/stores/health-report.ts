/** What a store finds wrong with its database. */
export interface StoreHealth {
  /** Whether there is no problem: operations can be carried out, and what is acknowledged is not forgotten. */
  readonly isHealthy: boolean;
  /** What is wrong, and what to do about it: one sentence each. A database that does not answer is a problem too. */
  readonly problems: readonly string[];
  /**
   * What a person has to look at, although operations go on: keys that have been held for an hour or longer. One sentence
   * each; missing where there is none, and where the store can't count its held keys cheaply.
   */
  readonly warnings?: readonly string[] | undefined;
}

/** How many keys are held until a person settles them. Keys with a `heldRetentionMs` are not among them. */
export interface HeldCount {
  /** Counted up to 10,000. */
  readonly keys: number;
  /** For how long the one has been held that is held longest, milliseconds; missing where none is. */
  readonly oldestMs?: number | undefined;
}
