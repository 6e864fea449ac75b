import { findHeader } from "../find-header.ts";

/**
 * A view of the headers that a caller gave undici, in any of the forms that it takes: an object, names and values in
 * turn, or pairs. What is set goes into a copy, `given`, since the caller may use its own again.
 */
export class RequestHeaders {
  given: unknown;

  constructor(given: unknown) {
    const isPairs = typeof given === "object" && given !== null && !Array.isArray(given) && Symbol.iterator in given;
    // An iterator can be read only once.
    this.given = isPairs ? [...(given as Iterable<[string, unknown]>)].flat() : given;
  }

  get(name: string): string | null {
    if (!Array.isArray(this.given)) return findHeader(this.given ?? {}, name);
    const lowerName = name.toLowerCase();
    const at = this.given.findIndex((entry, index) => index % 2 === 0 && String(entry).toLowerCase() === lowerName);
    return at === -1 ? null : String(this.given[at + 1]);
  }

  set(name: string, value: string): void {
    this.given = Array.isArray(this.given)
      ? [...this.given, name, value]
      : { ...(this.given as object | null), [name]: value };
  }
}
