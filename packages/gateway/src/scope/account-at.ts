/** The type of an account: a text, or a whole number. They are distinguished, since 5 and "5" may be two accounts. */
export type AccountType = "text" | "number";

/**
 * The account to which a path such as `org.id` leads: a property of that very name, or one within objects. Where both are
 * there, none is.
 */
export function accountAt(value: unknown, path: string, type: AccountType): string | undefined {
  const found = valueAt(value, path);
  if (type === "number") return Number.isSafeInteger(found) ? String(found) : undefined;
  return typeof found === "string" && found !== "" ? found : undefined;
}

/** The value to which a path leads. */
export function valueAt(value: unknown, path: string): unknown {
  const flat = isObject(value) && Object.hasOwn(value, path) ? value[path] : undefined;
  const nested = path.includes(".") ? follow(value, path.split(".")) : undefined;
  return flat === undefined || nested === undefined ? (flat ?? nested) : undefined;
}

function follow(value: unknown, names: readonly string[]): unknown {
  return names.reduce<unknown>((at, name) => (isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined), value);
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
