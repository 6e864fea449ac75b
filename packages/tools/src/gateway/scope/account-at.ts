/** The text or whole number to which a path such as `org.id` leads; a property of that very name comes first. */
export function accountAt(value: unknown, path: string): string | undefined {
  const found = isObject(value) && Object.hasOwn(value, path) ? value[path] : follow(value, path.split("."));
  if (typeof found === "string" && found !== "") return found;
  return Number.isSafeInteger(found) ? String(found) : undefined;
}

function follow(value: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>((at, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined), value);
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
