/**
 * The value at a path in a JSON text: `a.b[0].c`, with or without `$.` before it (the singular queries of RFC 9535 with
 * plain names); `undefined` when the text has no such value, or is no JSON.
 */
export function readPath(json: string, path: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  for (const name of parsePath(path)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function parsePath(path: string): string[] {
  return path
    .replace(/^\$/, "")
    .split(/[.[\]]/)
    .filter((name) => name !== "");
}
