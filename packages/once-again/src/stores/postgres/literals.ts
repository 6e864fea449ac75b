export type Literal = string | number | Uint8Array | null;

/** A statement with its values written into its text, in the places of `$1` and so on. */
export function withLiterals(text: string, values: readonly Literal[]): string {
  return text.replaceAll(/\$(\d+)/g, (_, place: string) => literal(values[Number(place) - 1] ?? null));
}

export function literal(value: Literal): string {
  if (value === null) return "NULL";
  if (typeof value === "number") return integerLiteral(value);
  return typeof value === "string" ? textLiteral(value) : bytesLiteral(value);
}

/**
 * Values as parts of a statement's text, for statements that travel together in one message, which can have no
 * parameters. They are written in hexadecimal: nothing in them can end the literal, whatever the server's settings are.
 */
export function textLiteral(text: string): string {
  return `convert_from(${bytesLiteral(Buffer.from(text))}, 'UTF8')`;
}

export function bytesLiteral(bytes: Uint8Array): string {
  return `decode('${Buffer.from(bytes).toString("hex")}', 'hex')`;
}

/** @throws RangeError for what is no whole number. */
export function integerLiteral(value: number): string {
  return `${BigInt(value)}::bigint`;
}
