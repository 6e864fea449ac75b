/**
 * Makes packages/tools/orders.ndjson, the orders of the lab: always the same ones.
 *
 *     node scripts/orders.ts           writes the file
 *     node scripts/orders.ts --check   fails if the file is not what it would write
 */
import { readFileSync, writeFileSync } from "node:fs";
import { seededRandom } from "../packages/once-again/src/core/random.ts";
import type { Order, OrderLine } from "../packages/tools/src/lab/orders.ts";

const file = new URL("../packages/tools/orders.ndjson", import.meta.url);
const orderCount = 1_000;
const customerCount = 420;

const random = seededRandom("the orders of the lab");
const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)]!;

/** Small numbers are the most likely, as in real baskets: 1 with a chance of 1 - `more`, else one more, and so on. */
function skewed(more: number, max: number): number {
  let value = 1;
  while (value < max && random() < more) value += 1;
  return value;
}

/** Goods with their price in euro cents. */
const catalogue: readonly (readonly [sku: string, euroCents: number])[] = [
  ["tea-green-100g", 690],
  ["tea-black-100g", 590],
  ["tea-jasmine-100g", 840],
  ["coffee-espresso-250g", 899],
  ["coffee-filter-250g", 799],
  ["coffee-decaf-250g", 949],
  ["coffee-beans-1kg", 2790],
  ["cup-porcelain", 1299],
  ["cup-travel", 1995],
  ["mug-enamel", 1150],
  ["teapot-glass-1l", 3490],
  ["teapot-iron-800ml", 6900],
  ["kettle-gooseneck", 8900],
  ["grinder-hand", 7450],
  ["grinder-electric", 18900],
  ["scale-brewing", 4990],
  ["filter-paper-100", 375],
  ["filter-cloth", 620],
  ["dripper-ceramic", 2450],
  ["press-french-1l", 3990],
  ["machine-espresso", 54900],
  ["milk-jug-350ml", 1890],
  ["spoon-measuring", 480],
  ["tin-storage", 1090],
  ["honey-linden-500g", 750],
  ["sugar-candy-500g", 340],
  ["biscuits-oat", 295],
  ["chocolate-dark-100g", 420],
  ["gift-wrap", 250],
  ["sample-single", 99],
];

interface Currency {
  readonly code: string;
  readonly share: number;
  /** A price in minor units from one in euro cents. */
  readonly price: (euroCents: number) => number;
}

const currencies: readonly Currency[] = [
  { code: "EUR", share: 0.55, price: (cents) => cents },
  { code: "USD", share: 0.22, price: (cents) => Math.round(cents * 1.09) },
  { code: "GBP", share: 0.11, price: (cents) => Math.round(cents * 0.86) },
  { code: "CHF", share: 0.05, price: (cents) => Math.round((cents * 0.95) / 5) * 5 },
  // The yen has no minor unit; shops price it in tens.
  { code: "JPY", share: 0.07, price: (cents) => Math.max(10, Math.round((cents * 1.63) / 10) * 10) },
];

function pickCurrency(): Currency {
  let left = random();
  return currencies.find(({ share }) => (left -= share) < 0) ?? currencies[0]!;
}

/** Crockford's base 32 in lower case: no letters that look like digits. */
const idLetters = [..."0123456789abcdefghjkmnpqrstvwxyz"];
const randomId = (prefix: string, length: number): string =>
  prefix + Array.from({ length }, () => pick(idLetters)).join("");

/** A customer keeps their currency; a few order often. */
const customers = Array.from({ length: customerCount }, () => ({ id: randomId("cus_", 10), currency: pickCurrency() }));
const pickCustomer = (): (typeof customers)[number] => customers[Math.floor(random() ** 2 * customers.length)]!;

function makeLines(currency: Currency): OrderLine[] {
  const goods = new Set<(typeof catalogue)[number]>();
  for (let count = skewed(0.45, 7); count > 0; count -= 1) goods.add(pick(catalogue));
  return [...goods].map(([sku, euroCents]) => ({
    sku,
    // Six espresso machines are too many for one customer.
    qty: euroCents > 5000 ? 1 : skewed(0.3, 24),
    unitPrice: currency.price(euroCents),
  }));
}

function makeOrders(): Order[] {
  const ids = new Set<string>();
  while (ids.size < orderCount) ids.add(randomId("ord_", 12));
  return [...ids].map((id) => {
    const { id: customer, currency } = pickCustomer();
    return { id, customer, currency: currency.code, lines: makeLines(currency) };
  });
}

const wanted = makeOrders()
  .map((order) => `${JSON.stringify(order)}\n`)
  .join("");

if (!process.argv.includes("--check")) {
  writeFileSync(file, wanted);
} else if (readFileSync(file, "utf8") !== wanted) {
  console.error("packages/tools/orders.ndjson is not what scripts/orders.ts makes. Run: node scripts/orders.ts");
  process.exitCode = 1;
}
