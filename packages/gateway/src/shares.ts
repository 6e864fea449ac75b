/** How many times as much as is free one owner may have. */
const freeRatio = 3;

/**
 * Divides an amount, such as the connections to a service, among those who want some of it. An owner may have three times
 * as much as is free: alone it gets three quarters, and the more greedy owners there are, the less each of them gets. So
 * some is free for one who comes later, however much the others want, and no share has to be set.
 *
 * It remembers only owners that have something: their number is bounded by the amount.
 */
export class Shares {
  readonly max: number;
  readonly #least: number;
  readonly #held = new Map<string, number>();
  #used = 0;

  /**
   * @param max the whole amount.
   * @param least what an owner may have in any case, if it is free; default 1.
   */
  constructor(max: number, least = 1) {
    this.max = max;
    this.#least = least;
  }

  get free(): number {
    return this.max - this.#used;
  }

  /** How many owners have something. */
  get ownerCount(): number {
    return this.#held.size;
  }

  /**
   * Whether an owner may take an amount.
   *
   * @param free how much is free for it; default: all that is.
   */
  allows(owner: string, amount = 1, free = this.free): boolean {
    if (amount > free) return false;
    const held = this.#held.get(owner) ?? 0;
    return held + amount <= this.#least || held < freeRatio * free;
  }

  /** Takes an amount for an owner. @returns `false` when its share, or the whole, is used up: then nothing is taken. */
  take(owner: string, amount = 1): boolean {
    if (amount === 0) return true;
    if (!this.allows(owner, amount)) return false;
    this.#used += amount;
    this.#held.set(owner, (this.#held.get(owner) ?? 0) + amount);
    return true;
  }

  giveBack(owner: string, amount = 1): void {
    if (amount === 0) return;
    this.#used -= amount;
    const left = (this.#held.get(owner) ?? 0) - amount;
    if (left > 0) this.#held.set(owner, left);
    else this.#held.delete(owner);
  }
}

/** The owner of what a keyed call takes. */
export const accountOwner = (scope: string): string => `account ${scope}`;

/**
 * The owner of what a request takes of which no account is known: its address. All addresses of one network of IPv6 (/64)
 * are one owner, since each host may use any of them.
 */
export function addressOwner(address: string): string {
  if (!address.includes(":")) return `address ${address}`;
  const [left = "", right] = address.split("%", 1)[0]!.split("::");
  const groups = left === "" ? [] : left.split(":");
  const rest = right === undefined || right === "" ? [] : right.split(":");
  const missing = right === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  const all = [...groups, ...Array.from({ length: missing }, () => "0"), ...rest];
  return `address ${all.slice(0, 4).join(":")}`;
}
