import { OnceAgainError } from "./errors.ts";
import { invalidOptionError } from "./options.ts";

/** Every name that an options object may have; the compiler holds it to the options' type. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Refuses options of a name that nobody would read: a misspelt one would pass in silence, and its default hold.
 *
 * @param reader who reads them, as the message says it.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, with the name that was probably meant.
 */
export function checkNames(reader: string, options: object, known: Readonly<Record<string, true>>): void {
  if (typeof options !== "object" || options === null)
    throw invalidOptionError(`${reader}'s options`, "an object", options);
  for (const name in options) if (known[name] !== true) throw unknownOption(reader, name, Object.keys(known));
}

/** Of more options those that have these names. */
export function pickOptions<Options extends object>(options: Options, names: OptionNames<Options>): Options {
  const chosen = Object.keys(names).filter((name) => name in options) as (keyof Options)[];
  return Object.fromEntries(chosen.map((name) => [name, options[name]])) as Options;
}

/** What other libraries call it. */
const otherWords: Readonly<Record<string, string>> = {
  ttl: "retentionMs",
  ttlms: "retentionMs",
  retries: "attemptsMax",
  maxretries: "attemptsMax",
  maxattempts: "attemptsMax",
  timeout: "attemptTimeoutMs",
  timeoutms: "attemptTimeoutMs",
  base: "baseMs",
  cap: "capMs",
  threshold: "failureRatio",
};

function unknownOption(reader: string, name: string, known: readonly string[]): OnceAgainError {
  const meant = nearest(name.toLowerCase(), known);
  const advice = meant === undefined ? `Its options are ${known.join(", ")}.` : `Did you mean ${meant}?`;
  return new OnceAgainError("ONCE_OPTION_INVALID", `${reader} has no option ${JSON.stringify(name)}. ${advice}`, {
    details: { option: name },
  });
}

/** The name that was probably meant: another word for it, or the one that the fewest letters make of it. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const word = Object.hasOwn(otherWords, name) ? otherWords[name] : undefined;
  if (word !== undefined && known.includes(word)) return word;
  const distances = known.map((candidate) => distance(name, candidate.toLowerCase()));
  const least = Math.min(...distances);
  return least <= Math.max(2, name.length / 3) ? known[distances.indexOf(least)] : undefined;
}

/** How many letters have to be put in, taken out or changed (Levenshtein). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let at = 0; at < one.length; at += 1) {
    const next = [at + 1];
    for (let to = 0; to < other.length; to += 1) {
      const changed = row[to]! + (one[at] === other[to] ? 0 : 1);
      next.push(Math.min(changed, row[to + 1]! + 1, next[to]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
