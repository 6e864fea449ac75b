/** How strictly a server is judged. See `VerifyOptions.strictness`. */
export type Strictness = "draft" | "practice";

/** What a case came to, and what was seen. */
export interface Verdict {
  readonly kind: "pass" | "fail" | "warn" | "not-applicable";
  readonly observed: string;
}

/** A verdict, or, where the two strictnesses differ, that of the draft and that of common practice. */
export type Grade = Verdict["kind"] | "fail/warn" | "fail/pass" | "pass/fail";

/** What was seen, graded. */
export function makeVerdict(grade: Grade, strictness: Strictness, observed: string): Verdict {
  const [draft, practice = draft] = grade.split("/") as Verdict["kind"][];
  return { kind: strictness === "draft" ? draft! : practice!, observed };
}

/** Thrown by whatever a case asks for that this server, or what we know of it, does not allow. */
export class NotApplicable extends Error {}

/** Thrown where an answer was due and none came, or none that is HTTP. */
export class NoResponse extends Error {}

/** Thrown where the server closed the connection in place of an answer. */
export class ConnectionClosed extends NoResponse {}
