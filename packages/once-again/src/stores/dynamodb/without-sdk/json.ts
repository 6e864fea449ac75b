import { decodeBase64, encodeBase64 } from "../../../core/bytes.ts";

/** The JSON of a request: bytes are Base64. */
export function encodeInput(input: object): string {
  return JSON.stringify(input, encodeValue);
}

/** A Buffer has become another object by its `toJSON`, so it is read from the object that has it. */
function encodeValue(this: Record<string, unknown>, name: string, value: unknown): unknown {
  const given = this[name];
  if (given instanceof Uint8Array) return encodeBase64(given);
  // The client of AWS takes a text for bytes, too.
  return name === "B" && typeof given === "string" ? encodeBase64(new TextEncoder().encode(given)) : value;
}

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
