/** The facts that the first requests show of a server. All cases build on them. */
export interface ServerTraits {
  /** How this server takes keys. */
  readonly keyFormat: "quoted" | "bare";
  /**
   * Whether two operations have different answers beyond what these repeat of their requests, so that a repeat is
   * distinguished from a second run.
   */
  readonly hasDistinctResponses: boolean;
  /** How long the first operation took, milliseconds. */
  readonly operationMs: number;
  /** How long the quicker of two took, milliseconds. */
  readonly quickestMs: number;
}

/** One way in which servers differ, and what this one does. It is no verdict. */
export interface Finding {
  readonly question: string;
  readonly answer: string;
}
