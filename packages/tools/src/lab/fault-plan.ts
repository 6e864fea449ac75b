import { checkNumber } from "once-again/internal";
import { randomFaults, seededRandom, type Exchange, type Fault } from "@once-again/testing";
import { orderHeader } from "./send-order.ts";

/** Which faults a network has. */
export interface LabFaults {
  readonly seed: number;
  /** Share of the attempts that meet a fault, 0 to 1: a third each never arrives, fails, and loses its answer. */
  readonly faults: number;
}

/** Of the lost requests and answers, this share ends in silence, the rest in a reset. */
const silenceShare = 0.2;

/** Each direction takes up to this long, milliseconds. */
const delayMsMax = 4;

/**
 * The fault of the n-th attempt at an order, 1-based. It depends on nothing else: callers meet the same faults whatever
 * their timing, and whatever other callers do.
 */
export function drawFault({ seed, faults }: LabFaults, orderId: string, attempt: number): Fault {
  const random = seededRandom(`${seed} ${attempt} ${orderId}`);
  return randomFaults({ probability: faults, silenceShare, delayMsMax, random })(nowhere);
}

/** The random plan does not look at the exchange. */
const nowhere: Exchange = { index: 0, method: "POST", target: "/orders", headers: new Map() };

/**
 * The plan of one caller's network. It counts the attempts at each order.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` unless `faults` is from 0 to 1.
 */
export function labPlan(options: LabFaults): (exchange: Exchange) => Fault {
  checkNumber("faults", options.faults, { min: 0, max: 1 });
  const attempts = new Map<string, number>();
  return ({ headers }) => {
    const orderId = headers.get(orderHeader.toLowerCase()) ?? "";
    const attempt = (attempts.get(orderId) ?? 0) + 1;
    attempts.set(orderId, attempt);
    return drawFault(options, orderId, attempt);
  };
}
