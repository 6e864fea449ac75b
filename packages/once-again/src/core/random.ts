import { checkNumber } from "./options.ts";

/** A source of random numbers: uniform in [0, 1). */
export type Random = () => number;

/** The chance of the machine. */
export const systemRandom: Random = () => Math.random();

/**
 * Chance that can be repeated: the same seed gives the same numbers on every machine.
 *
 * The generator is sfc32 of Chris Doty-Humphrey's PractRand (128 bits of state). It is not for secrets.
 *
 * @param seed any number or text.
 */
export function seededRandom(seed: number | string): Random {
  const state = Int32Array.of(...hash(String(seed)), 1);
  const next: Random = () => {
    const [a, b, c, counter] = state as unknown as [number, number, number, number];
    const sum = (a + b + counter) | 0;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + sum;
    state[3] = counter + 1;
    return (sum >>> 0) / 2 ** 32;
  };
  // The first outputs still resemble the seed.
  for (let round = 0; round < 15; round += 1) next();
  return next;
}

/** Three FNV-1a hashes (32 bits) of a text, each from another start. */
function hash(text: string): number[] {
  return [0x811c9dc5, 0x01000193, 0x9e3779b9].map((start) => {
    let value: number = start;
    for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
    return value;
  });
}

/**
 * Draws one number.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for anything else, such as the promise of an async function: it would count as 0,
 *   and a wait that it decides would end at once.
 */
export function draw(random: Random): number {
  return checkNumber("random()", random(), { min: 0, max: 1 });
}

/** A number from `low` (included) to `high` (excluded), uniform. */
export function uniform(random: Random, low: number, high: number): number {
  return low + draw(random) * (high - low);
}
