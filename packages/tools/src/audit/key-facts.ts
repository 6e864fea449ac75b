/** Rows of one kind, charges or refunds, of one operation. */
interface Rows {
  count: number;
  /** The sum of their amounts, refunds counted as positive. */
  total: number;
  dearest: number;
}

/** The facts about one operation, by the lines of both files. */
export interface KeyFacts {
  readonly logLines: number[];
  requests: number;
  /** Whether a request was answered with 2xx. */
  hasSuccess: boolean;
  /** Whether a request was answered with 2xx or 3xx. Any other answer says that it failed, or nothing. */
  isAnswered: boolean;
  /** The status of the last request; 0: none. */
  lastStatus: number;
  readonly ledgerLines: number[];
  readonly charges: Rows;
  readonly refunds: Rows;
}

/** How many lines of one operation are shown. */
const linesMax = 10;

const noRows = (): Rows => ({ count: 0, total: 0, dearest: 0 });

export const newKeyFacts = (): KeyFacts => ({
  logLines: [],
  requests: 0,
  hasSuccess: false,
  isAnswered: false,
  lastStatus: 0,
  ledgerLines: [],
  charges: noRows(),
  refunds: noRows(),
});

/** @param status 0: the log has none. */
export function addRequest(facts: KeyFacts, line: number, status: number): void {
  facts.requests += 1;
  facts.hasSuccess ||= status >= 200 && status < 300;
  facts.isAnswered ||= status >= 200 && status < 400;
  facts.lastStatus = status;
  if (facts.logLines.length < linesMax) facts.logLines.push(line);
}

export function addRow(facts: KeyFacts, line: number, amount: number, isRefund: boolean): void {
  const rows = isRefund ? facts.refunds : facts.charges;
  const price = Math.abs(amount);
  rows.count += 1;
  rows.total += price;
  rows.dearest = Math.max(rows.dearest, price);
  if (facts.ledgerLines.length < linesMax) facts.ledgerLines.push(line);
}

/** The ledger about one operation. */
export interface Effects {
  /** How many effects there were: charges, or of an operation that only gives back, its refunds. */
  readonly count: number;
  readonly price: number;
  /** The price of the effects beyond the dearest one. */
  readonly extra: number;
  /** How much of it was given back. */
  readonly refunded: number;
  /** How much more was given back than was charged. */
  readonly refundedBeyond: number;
  /** Whether all of it was given back. */
  readonly isRefunded: boolean;
}

/**
 * A refund undoes an effect and adds none, so it neither doubles a charge nor hides a second one. Where an operation has
 * refunds alone, they are its effects, if it was requested: else its charge is older than the ledger.
 */
export function effectsOf({ charges, refunds, requests }: KeyFacts): Effects {
  const isCharge = charges.count > 0;
  const { count, total, dearest } = isCharge ? charges : requests > 0 ? refunds : noRows();
  const back = isCharge ? refunds : noRows();
  return {
    count,
    price: round(total),
    extra: round(total - dearest),
    refunded: round(back.total),
    refundedBeyond: round(Math.max(0, back.total - total)),
    // Without amounts, a refund for each charge.
    isRefunded: back.count > 0 && (total > 0 ? round(back.total) >= round(total) : back.count >= count),
  };
}

/** Amounts are sums of decimals: what is below a millionth is an error of the floating point. */
export const round = (amount: number): number => Math.round(amount * 1e6) / 1e6;
