/** JSON with the members of each object in one order. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner) ? sorted(inner) : inner,
  );

const sorted = (members: object): object =>
  Object.fromEntries(Object.entries(members).sort(([one], [other]) => (one < other ? -1 : 1)));

/** A body of JSON in one order and layout, and any other as it is. */
export function canonicalBody(body: string): string {
  try {
    return canonicalJson(JSON.parse(body, asWritten));
  } catch {
    return body;
  }
}

/** A whole number that a double can't hold stays as it is written, in an object that marks it. */
const asWritten: Parameters<typeof JSON.parse>[1] = (
  _name,
  value: unknown,
  { source = "" }: { source?: string } = {},
) => (typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER ? { "a number": source } : value);
