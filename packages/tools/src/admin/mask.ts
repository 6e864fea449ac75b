import type { StoredValue } from "./stored-value.ts";

/** Stands in the place of a value. */
export const maskText = "(masked)";

/** A stored value without the values of headers and members with these names, in lower case. */
export function maskValue(value: StoredValue, names: ReadonlySet<string>): StoredValue {
  switch (value.kind) {
    case "answer": {
      const { headers, body } = value.answer;
      const shown = headers.map(([name, text]) => [name, names.has(name.toLowerCase()) ? maskText : text] as const);
      return { ...value, answer: { ...value.answer, headers: shown, body: maskBytes(body, names) } };
    }
    case "step":
      return value.step.value === undefined
        ? value
        : { ...value, step: { ...value.step, value: JSON.parse(maskJson(JSON.stringify(value.step.value), names)) } };
    case "bytes":
      return { ...value, bytes: maskBytes(value.bytes, names) };
    case "sealed":
    case "broken":
      return value;
  }
}

const newline = 0x0a;

/** JSON, or a line of JSON and then JSON, as the results of functions are stored. Anything else is left as it is. */
export function maskBytes(bytes: Uint8Array, names: ReadonlySet<string>): Uint8Array {
  const end = bytes.indexOf(newline) + 1;
  const whole = maskPart(bytes, names);
  if (whole !== undefined || end === 0) return whole ?? bytes;
  const parts = [bytes.subarray(0, end), bytes.subarray(end)].map((part) => maskPart(part, names) ?? part);
  return Buffer.concat(parts);
}

/** @returns undefined for what is no JSON. */
function maskPart(bytes: Uint8Array, names: ReadonlySet<string>): Uint8Array | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const masked = maskJson(text, names);
    return masked === text ? bytes : new TextEncoder().encode(text.endsWith("\n") ? `${masked}\n` : masked);
  } catch {
    return undefined;
  }
}

/** Numbers stay as they were written: the second of these two JSON functions reads what the first has shown. */
const { rawJSON } = JSON as unknown as { rawJSON(this: void, text: string): unknown };

/** @returns the very text where nothing is masked. @throws SyntaxError for what is no JSON. */
function maskJson(text: string, names: ReadonlySet<string>): string {
  let isMasked = false;
  const masked: unknown = JSON.parse(text, function (this: unknown, name: string, value: unknown, ...more: unknown[]) {
    if (!Array.isArray(this) && names.has(name.toLowerCase())) {
      isMasked = true;
      return maskText;
    }
    const [{ source } = {}] = more as [{ source?: string }?];
    return typeof value === "number" && source !== undefined ? rawJSON(source) : value;
  });
  return isMasked ? JSON.stringify(masked) : text;
}
