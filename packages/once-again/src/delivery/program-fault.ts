import { errorText } from "../core/error-text.ts";
import { unknownPermanent, type Verdict } from "./verdict.ts";

/** The verdict on a fault of the program: no repeat mends it, and how far the attempt had come is not known. */
export const programFaultVerdict: Verdict = { ...unknownPermanent, reason: "the program itself failed" };

/** The words of V8, JavaScriptCore and SpiderMonkey for a wrong use of the language. No network failure has them. */
const languageFaults = [
  / is not (?:a function|a constructor|defined|iterable)\b/,
  /^Cannot (?:read|set) propert(?:y|ies) /,
  /^Cannot (?:destructure|access|convert) /,
  /^Assignment to constant variable/,
  /^(?:undefined|null) is not an object/,
  /^can't access (?:property|lexical declaration) /,
  /^The function that sends resolved with /,
];

/**
 * The fault of the program in an error, such as a call of what is no function: the error itself, or what it wraps. `fetch` wraps
 * also faults of the platform ("fetch failed"), which come and go as those of a network do: they don't count.
 *
 * @returns its text; `undefined` when the error has no such fault.
 */
export function findProgramFault(error: unknown): string | undefined {
  const seen = new Set<unknown>();
  for (let one = error; typeof one === "object" && one !== null && !seen.has(one);) {
    const { cause, message, name } = one as { cause?: unknown; message?: unknown; name?: unknown };
    if (typeof message !== "string" || message === "fetch failed") return undefined;
    // By its name: the error may be of another realm, or be axios' copy of one.
    const isLanguages = name === "TypeError" || name === "ReferenceError";
    if (isLanguages && languageFaults.some((words) => words.test(message))) return errorText(one);
    seen.add(one);
    one = cause;
  }
  return undefined;
}
