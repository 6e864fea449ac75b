/** The character between whole units and their parts: `10.50`, `10,50`. */
export type DecimalMark = "." | ",";

/** An amount of a ledger. */
export interface Amount {
  readonly value: number;
  /** The sign or code that was written beside the number. */
  readonly currency?: string | undefined;
}

/** A currency in front of a number or behind it, whatever sign the number has. */
const currencyInFront = /^([-\u2212+(]?)\s*(\p{Sc}|[A-Z]{3})/u;
const currencyBehind = /(\p{Sc}|[A-Z]{3})\s*([-\u2212)]?)$/u;
/** Whole units, perhaps in groups of three digits with one mark between them, and parts. */
const numberShape = (point: string, group: string): RegExp =>
  new RegExp(String.raw`^(\d+|\d{1,3}(?:(${group}|['\u2019 \u00a0\u202f])\d{3}(?:\2\d{3})*))(?:${point}(\d+))?$`);
const shapes = { ".": numberShape(String.raw`\.`, ","), ",": numberShape(",", String.raw`\.`) } as const;

/** No amount is longer, characters. */
const amountLengthMax = 64;

/**
 * Reads an amount: with a `mark` also one with groups of three digits and a currency, such as `$1,299.00`, `1.299,00 €`, `(12,50)`;
 * without one a plain number alone, since `1,299` and `1.299` may be either. An empty text is 0.
 *
 * @returns `undefined` for a text that is no amount.
 */
export function readAmount(text: string, decimal?: DecimalMark): Amount | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return { value: 0 };
  if (trimmed.length > amountLengthMax) return undefined;
  if (decimal === undefined) return asAmount(Number(trimmed));
  const currency = currencyInFront.exec(trimmed)?.[2] ?? currencyBehind.exec(trimmed)?.[1];
  const plain = trimmed.replace(currencyInFront, "$1");
  const { isNegative, rest } = readSign((plain === trimmed ? trimmed.replace(currencyBehind, "$2") : plain).trim());
  const digits = plainDigits(rest, decimal);
  const amount = digits === undefined ? undefined : asAmount(isNegative ? -Number(digits) : Number(digits));
  return amount && { ...amount, currency };
}

const asAmount = (value: number): Amount | undefined => (Number.isFinite(value) ? { value } : undefined);

/** A minus in front or behind, or the parentheses of accountants. */
function readSign(text: string): { isNegative: boolean; rest: string } {
  const enclosed = /^\((.*)\)$/.exec(text)?.[1];
  if (enclosed !== undefined) return { isNegative: true, rest: enclosed.trim() };
  if (/^[-\u2212]/.test(text)) return { isNegative: true, rest: text.slice(1).trim() };
  if (/[-\u2212]$/.test(text)) return { isNegative: true, rest: text.slice(0, -1).trim() };
  return { isNegative: false, rest: text.replace(/^\+/, "").trim() };
}

/** Digits as `Number` takes them; `undefined` where groups are not of three digits, or not all divided alike. */
function plainDigits(text: string, decimal: DecimalMark): string | undefined {
  const [, whole, , parts = "0"] = shapes[decimal].exec(text) ?? [];
  return whole === undefined ? undefined : `${whole.replaceAll(/\D/g, "")}.${parts}`;
}
