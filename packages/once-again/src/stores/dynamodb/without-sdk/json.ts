import { decodeBase64, encodeBase64, encodeChunk } from "../../../core/bytes.ts";

/** The JSON of a request: bytes are Base64. */
export function encodeInput(input: object): string {
  return JSON.stringify(input, encodeValue);
}

/** A Buffer has become another object by its `toJSON`, so it is read from the object that has it. */
function encodeValue(this: Record<string, unknown>, name: string, value: unknown): unknown {
  const given = this[name];
  if (ArrayBuffer.isView(given)) return encodeBase64(encodeChunk(given));
  // A text that is given as bytes is those of its UTF-8.
  if (name === "B" && typeof given === "string") return encodeBase64(encodeChunk(given));
  return name === "BS" && Array.isArray(given) ? given.map(encodeMember) : value;
}

const encodeMember = (one: unknown): unknown => (typeof one === "string" ? encodeBase64(encodeChunk(one)) : one);

/** The object in the JSON of an answer; `undefined` for anything else. Bytes have the types B and BS, and nothing else has those names for texts. */
export function decodeOutput(json: string): Record<string, unknown> | undefined {
  try {
    const output: unknown =
      json.includes('"B"') || json.includes('"BS"') ? JSON.parse(json, decodeValue) : JSON.parse(json);
    return isObject(output) ? output : undefined;
  } catch {
    return undefined;
  }
}

function decodeValue(name: string, value: unknown): unknown {
  if (name === "B" && typeof value === "string") return decodeBase64(value);
  const isTexts = name === "BS" && Array.isArray(value) && value.every((one) => typeof one === "string");
  return isTexts ? value.map((one: string) => decodeBase64(one)) : value;
}

/** Whether a value of JSON is an object, and no array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
