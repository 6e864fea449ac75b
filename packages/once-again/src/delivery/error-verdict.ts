import { OnceAgainError } from "../core/errors.ts";
import { errorResponse } from "./error-response.ts";
import { type ErrorRow, errorTable } from "./error-table.ts";
import { ownVerdict } from "./own-errors.ts";
import { parseRetryAfter } from "./parse-retry-after.ts";
import { findProgramFault, programFaultVerdict } from "./program-fault.ts";
import { statusVerdict } from "./status-verdict.ts";
import { unknownTransient, type Verdict } from "./verdict.ts";

/** The verdict on an error of which nothing is known. */
export const unlistedVerdict: Verdict = { ...unknownTransient, reason: "the failure is of no known kind" };

/**
 * Judges an error: was the request that ended with it sent, and may it have had an effect? It looks through `cause` and
 * `errors`, since runtimes wrap the original error. An error of this library is judged by its own code and never by its cause,
 * however it is wrapped; an error that carries an answer's status (from 400 on) is judged by that. When in doubt the answer is
 * `unknown`. A fault of the program, such as a call of what is no function, is not transient.
 *
 * @param error whatever `fetch`, or another HTTP client, threw.
 */
export function errorVerdict(error: unknown): Verdict {
  try {
    const verdict = judge(error, new Map());
    if (verdict !== undefined) return verdict;
    return findProgramFault(error) === undefined ? unlistedVerdict : programFaultVerdict;
  } catch {
    // It has a member that can't be read.
    return unlistedVerdict;
  }
}

/** `undefined`: neither the error nor what it wraps is known. An error that wraps itself is not known by that. */
function judge(error: unknown, judged: Map<object, Verdict | undefined>): Verdict | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if (judged.has(error)) return judged.get(error);
  judged.set(error, undefined);
  const verdict = judgeUnseen(error, judged);
  judged.set(error, verdict);
  return verdict;
}

function judgeUnseen(error: object, judged: Map<object, Verdict | undefined>): Verdict | undefined {
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  const own = findOwnVerdict(error);
  if (own !== undefined) return own;
  // Before the code: Node copies the first child's code onto an AggregateError, which proves nothing for the others.
  if (Array.isArray(errors) && errors.length > 0) return combineVerdicts(errors.map((child) => judge(child, judged)));
  const answer = errorResponse(error);
  // Whether there is a time to come back is all that is asked, not which.
  if (answer !== undefined) {
    return statusVerdict(answer.status, parseRetryAfter(answer.headers.get("Retry-After"), 0) !== undefined);
  }
  // A wrapper that took over the code of what it wraps, as axios' errors do, knows less than that.
  if (codeOf(cause) !== undefined && codeOf(cause) === codeOf(error)) return judge(cause, judged);
  const row = errorTable.find((candidate) => matchesRow(candidate, error));
  if (row === undefined) return judge(cause, judged);
  return { ...row.evidence, reason: row.reason };
}

/** The verdict of the outermost error of ours in a chain of causes: no wrapper, of whatever kind, takes a doubt away. */
function findOwnVerdict(error: unknown): Verdict | undefined {
  const seen = new Set<unknown>();
  for (let one = error; typeof one === "object" && one !== null && !seen.has(one);) {
    const { cause } = one as { cause?: unknown };
    // One that took over our code and not our details knows less than its cause.
    const own = ownVerdict(one);
    if (own !== undefined && (OnceAgainError.isInstance(one) || codeOf(cause) !== codeOf(one))) return own;
    seen.add(one);
    one = cause;
  }
  return undefined;
}

/** Several failures of one request: it never arrived only if none of them leaves a doubt. */
function combineVerdicts(verdicts: ReadonlyArray<Verdict | undefined>): Verdict | undefined {
  if (verdicts.every((verdict) => verdict?.delivery === "never")) {
    return verdicts.find((verdict) => verdict?.transient) ?? verdicts[0];
  }
  const gaveUp = verdicts.find((verdict) => verdict?.gaveUp);
  const isPermanent = verdicts.every((verdict) => verdict?.transient === false);
  const worst = gaveUp ?? (isPermanent ? verdicts.find((verdict) => verdict?.delivery !== "never") : undefined);
  return worst && { ...worst, delivery: "unknown" };
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

function matchesRow(row: ErrorRow, error: object): boolean {
  const { code, message, name, syscall } = error as Record<string, unknown>;
  if (row.syscalls !== undefined && !matches(row.syscalls, syscall)) return false;
  return matches(row.codes, code) || matches(row.names, name) || matches(row.messages, message);
}

function matches(pattern: RegExp | undefined, text: unknown): boolean {
  return pattern !== undefined && typeof text === "string" && pattern.test(text);
}
