import { orderLines } from "./order-lines.ts";

/** One kind of goods in an order. */
export interface OrderLine {
  readonly sku: string;
  /** A whole number, 1 or more. */
  readonly qty: number;
  /** In minor units of the order's currency (cents; whole yen), a whole number, 0 or more. */
  readonly unitPrice: number;
}

/** An order of a customer. */
export interface Order {
  readonly id: string;
  readonly customer: string;
  /** Three capital letters, as in ISO 4217. */
  readonly currency: string;
  /** At least one. */
  readonly lines: readonly OrderLine[];
}

/** Why a line of a file of orders is left out. */
export interface OrderProblem {
  /** 1-based. */
  readonly line: number;
  readonly problem: string;
}

/** The orders of a file, and its bad lines. */
export interface OrdersFile {
  readonly orders: readonly Order[];
  readonly problems: readonly OrderProblem[];
}

/** The price of an order, in minor units of its currency. */
export function totalOf(order: Order): number {
  return order.lines.reduce((sum, { qty, unitPrice }) => sum + qty * unitPrice, 0);
}

/**
 * Reads orders from NDJSON (one JSON object a line, UTF-8). A line that is no order, or repeats an id, is reported
 * and left out; empty lines are ignored. Fields that an order does not need are ignored.
 *
 * @throws whatever reading `source` throws.
 */
export async function readOrders(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<OrdersFile> {
  const orders: Order[] = [];
  const problems: OrderProblem[] = [];
  const lineOfId = new Map<string, number>();
  for await (const { line, text, problem } of orderLines(source)) {
    if (problem === undefined && text.trim() === "") continue;
    const read = problem === undefined ? parseOrder(text) : { problem };
    if ("problem" in read) {
      problems.push({ line, problem: read.problem });
      continue;
    }
    const earlier = lineOfId.get(read.order.id);
    if (earlier === undefined) {
      lineOfId.set(read.order.id, line);
      orders.push(read.order);
    } else {
      problems.push({ line, problem: `id ${JSON.stringify(read.order.id)} is that of line ${earlier}` });
    }
  }
  return { orders, problems };
}

/** Reads one order from JSON, or says what is wrong with it. */
export function parseOrder(text: string): { order: Order } | { problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: "not JSON" };
  }
  const problem = findProblem(value);
  if (problem !== undefined) return { problem };
  const { id, customer, currency, lines } = value as Order;
  const order = { id, customer, currency, lines: lines.map(({ sku, qty, unitPrice }) => ({ sku, qty, unitPrice })) };
  // Past 2^53 sums are no longer exact: the charge would be wrong.
  if (!Number.isSafeInteger(totalOf(order))) return { problem: "the total is too large to be exact" };
  return { order };
}

function findProblem(value: unknown): string | undefined {
  if (!isObject(value)) return "not an object";
  const { id, customer, currency, lines } = value;
  if (!isName(id)) return `id ${nameWanted}`;
  if (!isName(customer)) return `customer ${nameWanted}`;
  if (typeof currency !== "string" || !/^[A-Z]{3}$/.test(currency)) return "currency must be three capital letters";
  if (!Array.isArray(lines) || lines.length === 0) return "lines must be an array of at least one";
  for (const [index, line] of lines.entries()) {
    const problem = findLineProblem(line);
    if (problem !== undefined) return `lines[${index}]${problem}`;
  }
  return undefined;
}

function findLineProblem(line: unknown): string | undefined {
  if (!isObject(line)) return " must be an object";
  if (!isName(line["sku"])) return `.sku ${nameWanted}`;
  if (!isWhole(line["qty"], 1)) return ".qty must be a whole number of at least 1";
  if (!isWhole(line["unitPrice"], 0)) return ".unitPrice must be a whole number of at least 0, in minor units";
  return undefined;
}

const nameWanted = "must be a text of 1 to 200 characters, none of them a control character";

const isName = (value: unknown): value is string =>
  typeof value === "string" &&
  value.length >= 1 &&
  value.length <= 200 &&
  value.isWellFormed() &&
  !/\p{Cc}/u.test(value);

const isWhole = (value: unknown, min: number): boolean => Number.isSafeInteger(value) && (value as number) >= min;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
