/** A text for any thrown value. It never throws, and always returns a text. */
export function errorText(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error);
    const { message, name }: { message: unknown; name: unknown } = error;
    return typeof message === "string" && message !== "" ? message : String(name);
  } catch {
    return "something that can't be read";
  }
}

/** How many errors a chain of causes has at most. */
const causesMax = 8;

/** An error, and what caused it, as far as that is said. */
export function errorChain(error: unknown): unknown[] {
  const chain: unknown[] = [];
  let inner = error;
  while (chain.length < causesMax && inner !== undefined && inner !== null) {
    chain.push(inner);
    inner = readProperty(inner, "cause");
  }
  return chain;
}

/** Stands between an error and its cause in a line. */
export const causeMark = " | cause: ";

/** The text of an error, and of its causes where they say more, with their codes or names. */
export function textWithCauses(error: unknown): string {
  const parts = [errorText(error)];
  for (const cause of errorChain(readProperty(error, "cause"))) {
    const [text, code, name] = [errorText(cause), readProperty(cause, "code"), readProperty(cause, "name")];
    if (parts.some((part) => part.includes(text))) continue;
    const label = [code, name].find((one) => typeof one === "string" || typeof one === "number");
    parts.push(label === undefined || label === text ? text : `${label}: ${text}`);
  }
  return parts.join(causeMark);
}

/** A property of anything; `undefined` where it can't be read. */
export function readProperty(value: unknown, name: string): unknown {
  try {
    return (value as Record<string, unknown> | null)?.[name];
  } catch {
    return undefined;
  }
}
