import type { ConformanceCase } from "./conformance-case.ts";

/** A sentence of a published set of rules, and what tests whether a server keeps it. */
export interface ProfileSentence {
  readonly section: string;
  /** The rule, in our own words. */
  readonly text: string;
  readonly level: "MUST" | "SHOULD" | "MAY";
  /** Ids of the cases that test it. Without any, `untested` says why. */
  readonly cases: readonly string[];
  /** Why no case can test it from outside. */
  readonly untested?: string;
}

/** A published set of rules for keys, and the cases by which a server is held to it. */
export interface VerifyProfile<Case = ConformanceCase> {
  readonly title: string;
  /** Where it is published. */
  readonly url: string;
  readonly sentences: readonly ProfileSentence[];
  /** Cases that only these rules know. */
  readonly cases: readonly Case[];
}
