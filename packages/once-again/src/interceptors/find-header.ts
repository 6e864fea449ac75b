/**
 * The value of a header in a plain object, whatever the case of its name; repeated ones are joined with a comma.
 *
 * @returns `null` when it is missing, as `Headers.get` does.
 */
export function findHeader(headers: object, name: string): string | null {
  const lowerName = name.toLowerCase();
  for (const candidate of Object.keys(headers)) {
    if (candidate.length !== lowerName.length || candidate.toLowerCase() !== lowerName) continue;
    const value: unknown = (headers as Record<string, unknown>)[candidate];
    if (Array.isArray(value)) return value.join(", ");
    if (typeof value === "string" || typeof value === "number") return String(value);
  }
  return null;
}
