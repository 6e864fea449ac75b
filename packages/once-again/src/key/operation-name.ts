/** The texts that missing values become: all operations without a name would share one. */
const nothings: ReadonlySet<string> = new Set(["", "undefined", "null", "NaN", "[object Object]"]);

/** Whether a text is what a missing value becomes. */
export function namesNothing(text: string): boolean {
  return nothings.has(text.trim());
}

/** How long a name may be, in characters: with three bytes for each it fits into the index of every store. */
const nameLengthMax = 255;

/** Why a text can't name an operation or its owner, as the end of a sentence; `undefined` when it can. */
export function nameProblem(name: unknown): string | undefined {
  if (name instanceof Promise) return "a promise, which has to be awaited before";
  if (typeof name !== "string") return `${String(name)}, which is no string`;
  if (namesNothing(name)) return `${JSON.stringify(name)}, which names nothing`;
  if (name.length > nameLengthMax) return `${name.length} characters long, and ${nameLengthMax} are allowed`;
  // A store writes UTF-8, in which all malformed names look alike.
  return name.isWellFormed() ? undefined : "no well-formed Unicode";
}
