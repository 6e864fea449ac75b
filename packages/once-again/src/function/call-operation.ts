import { OnceAgainError } from "../core/errors.ts";
import { jsonProblem } from "./json-problem.ts";
import { nameProblem } from "../key/key.ts";
import { fingerprint } from "../key/index.ts";
import type { CheckedFunctionRules } from "./function-options.ts";

/**
 * The key of one call.
 *
 * @throws OnceAgainError `ONCE_KEY_INVALID`; what the function that makes it throws.
 */
export function keyOfCall<Args extends readonly unknown[]>(
  { scope, key }: Pick<CheckedFunctionRules<Args, never>, "scope" | "key">,
  args: Args,
): string {
  const made = key(...args);
  const problem = nameProblem(made);
  if (problem === undefined) return made as string;
  throw new OnceAgainError(
    "ONCE_KEY_INVALID",
    `The key of this call of "${scope}" is ${problem}. Return a string of 1 to 255 characters that is the same in every ` +
      "repeat of one operation, and in no other. Nothing happened.",
    { details: { scope } },
  );
}

/**
 * The fingerprint of one call: SHA-256, hexadecimal, of its arguments as canonical JSON, or of what counts of them.
 *
 * @throws OnceAgainError `ONCE_ARGUMENTS_UNFIT`; what the function that says what counts throws.
 */
export function fingerprintOfCall<Args extends readonly unknown[]>(
  { scope, fingerprint: covered }: Pick<CheckedFunctionRules<Args, never>, "scope" | "fingerprint">,
  args: Args,
): Promise<string> {
  const body = new TextEncoder().encode(JSON.stringify(partsOf(covered, args, scope)));
  return fingerprint({ method: "CALL", path: scope, query: "", contentType: "application/json", body });
}

function partsOf<Args extends readonly unknown[]>(
  covered: CheckedFunctionRules<Args, never>["fingerprint"],
  args: Args,
  scope: string,
): unknown {
  if (covered === "key") return {};
  // By their places, as members: one that is not given is one that is undefined, at the end and before it.
  const isAll = covered === "arguments";
  const parts = isAll ? { ...args } : { parts: covered(...args) };
  const problem = jsonProblem(parts, isAll ? "arguments" : "fingerprint");
  if (problem === undefined) return parts;
  throw new OnceAgainError(
    "ONCE_ARGUMENTS_UNFIT",
    `In this call of "${scope}" ${problem}, which JSON can't represent, so another call could have the same fingerprint. ` +
      (isAll ? "Give the option fingerprint: a function that returns the parts of the arguments that count. " : "") +
      "Nothing happened.",
    { details: { scope } },
  );
}
