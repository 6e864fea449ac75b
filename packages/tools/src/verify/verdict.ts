/** How strictly a server is judged. See `VerifyOptions.strictness`. */
export type Strictness = "draft" | "practice";

/** The verdict on a case, and what was observed. */
export interface Verdict {
  readonly kind: "pass" | "fail" | "warn" | "not-applicable";
  readonly observed: string;
}

/** A verdict, or, where the two strictnesses differ, that of the draft and that of common practice. */
export type Grade = Verdict["kind"] | "fail/warn" | "fail/pass" | "pass/warn";

/** Makes the verdict of a grade under this strictness. */
export function makeVerdict(grade: Grade, strictness: Strictness, observed: string): Verdict {
  const [draft, practice = draft] = grade.split("/") as Verdict["kind"][];
  return { kind: strictness === "draft" ? draft! : practice!, observed };
}

/** Thrown where a case needs something that this server or the options do not have. */
export class NotApplicable extends Error {}

/** Thrown where a response was due and none came, or no HTTP. */
export class NoResponse extends Error {}

/** Thrown where the server closed the connection before its response, or in it. */
export class ConnectionClosed extends NoResponse {}

/** Thrown where the server closed the connection before a byte of its response. */
export class ClosedBefore extends ConnectionClosed {}
