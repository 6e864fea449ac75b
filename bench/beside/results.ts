/** The responses of a trial, in the order of its requests, and how many effects there were. */
export interface Trial {
  readonly responses: readonly string[];
  readonly effects: number;
  /** Of copies sent at once: how many pairs had this many effects. */
  readonly pairs?: number;
}

/** The trials of one library. */
export interface LibraryResult {
  readonly name: string;
  readonly version: string;
  /** The option that was added to its defaults. */
  readonly option?: string | undefined;
  readonly repeat: Trial;
  readonly together: Trial;
  readonly dies: Trial;
  readonly otherBody: Trial;
  readonly throws: Trial;
}

/** bench/results/beside.json */
export interface BesideResults {
  readonly date: string;
  readonly node: string;
  /** How many pairs of copies were sent. */
  readonly pairs: number;
  /** How long the key of a dead process stays claimed, where the library has a time for that. */
  readonly leaseMs: number;
  readonly libraries: readonly LibraryResult[];
}
