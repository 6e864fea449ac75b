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

/** Printable ASCII without quotes and backslashes: no setting and no encoding of a server reads it as anything else. */
const plain = /^[ -&(-[\]-~]*$/;

/**
 * Values as parts of a statement's text, for statements that travel together in one message, which can have no
 * parameters. What is not plain is written in hexadecimal: nothing in it can end the literal, whatever the server's settings are.
 */
export function textLiteral(text: string): string {
  return plain.test(text) ? `'${text}'::text` : `convert_from(${bytesLiteral(Buffer.from(text))}, 'UTF8')`;
}

export function bytesLiteral(bytes: Uint8Array): string {
  return `E'\\\\x${bufferOf(bytes).toString("hex")}'::bytea`;
}

/** The same bytes, not copied. */
const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** @throws RangeError for what is no whole number. */
export function integerLiteral(value: number): string {
  return `${BigInt(value)}::bigint`;
}
