import { checkNumber, systemRandom, uniform } from "once-again/internal";
import type { Random } from "once-again";
import type { RequestHead } from "./request-framing.ts";

/** How a loss looks to the caller: its connection is reset, or nothing ever comes and only its own time-out ends it. */
export type FaultManner = "reset" | "silence";

/** How slow the network is. */
export interface Delays {
  /** Milliseconds before the request goes on (or is lost). Default 0. */
  readonly requestDelayMs?: number | undefined;
  /** Milliseconds before the caller gets anything: the answer, the failure or the reset. Default 0. */
  readonly answerDelayMs?: number | undefined;
}

/**
 * The fault of one exchange (a request and its answer): one of the three scenarios of uncertainty, or none.
 *
 * - `lose-request`: it never reaches the server.
 * - `fail`: it reaches the server and fails. The server gets the whole message but its last byte, then its connection
 *   is cut: it has seen the request and can't execute it, whatever server it is and whatever the request. The caller is
 *   answered 503. (A server that acts before it has read the whole request may still have acted.)
 * - `lose-answer`: it reaches the server and succeeds; the answer is dropped when its first byte comes, since the
 *   effect has happened by then.
 * - `pass`: it goes through.
 *
 * `manner` is "reset" by default.
 */
export type Fault = Delays &
  (
    | { readonly scenario: "pass" | "fail" }
    | { readonly scenario: "lose-request" | "lose-answer"; readonly manner?: FaultManner }
  );

/** The name of what can happen to an exchange. */
export type Scenario = Fault["scenario"];

/** One exchange, as a plan sees it. */
export interface Exchange extends RequestHead {
  /** How many exchanges this network has begun before this one. */
  readonly index: number;
}

/**
 * Decides what happens to an exchange. Called once for each, when its head has come, in the order of their arrival. A
 * promise holds the exchange up until it resolves: nothing goes on to the server before. If the plan throws or rejects,
 * the caller's connection is reset, and the error ends the process as an unhandled rejection.
 */
export type FaultPlan = (exchange: Exchange) => Fault | Promise<Fault>;

/**
 * How far an exchange has come, since its fate was decided. First where its request ended:
 *
 * - `lost`: on its way. `failed`: at the server, which could not execute it, as the fault says.
 * - `answered`: the server answers. `bytes` are the first that came; with `lose-answer` they go no further.
 *
 * Then `heard`: the end reaches the caller, be it the answer, a 503, a reset or silence. Instead of either,
 * and as the last: `broken`, the server refused the connection or closed it before the first byte of an answer; or
 * `left`, the caller closed its connection first.
 */
export type ExchangeEvent =
  | { readonly type: "lost" | "failed" | "heard" | "broken" | "left" }
  | { readonly type: "answered"; readonly bytes: Buffer };

/** The three scenarios, in the order of the request's way. */
export const faultScenarios = ["lose-request", "fail", "lose-answer"] as const satisfies readonly Scenario[];

/** How a random plan draws. */
export interface RandomFaults {
  /** Share of exchanges that meet a fault, 0 to 1. The three scenarios are equally likely. */
  readonly probability: number;
  /** Where the chance comes from: `seededRandom(seed)` makes a plan that repeats. Default: the machine's. */
  readonly random?: Random | undefined;
  /** Share of the losses in which the connection stays silent instead of being reset, 0 to 1. Default 0.2. */
  readonly silenceShare?: number | undefined;
  /** Each direction is delayed by a uniform draw from 0 to this, milliseconds. Default 0. */
  readonly delayMsMax?: number | undefined;
}

/**
 * A plan by chance. Each exchange takes five draws, whatever becomes of it.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a share outside 0 to 1 or a negative delay.
 */
export function randomFaults(options: RandomFaults): (exchange: Exchange) => Fault {
  const probability = checkNumber("probability", options.probability, { min: 0, max: 1 });
  const silenceShare = checkNumber("silenceShare", options.silenceShare ?? 0.2, { min: 0, max: 1 });
  const delayMsMax = checkNumber("delayMsMax", options.delayMsMax ?? 0, { min: 0 });
  const random = options.random ?? systemRandom;
  return () => {
    const faulty = random() < probability;
    const scenario = faultScenarios[Math.floor(random() * faultScenarios.length)]!;
    const manner: FaultManner = random() < silenceShare ? "silence" : "reset";
    const delays = {
      requestDelayMs: uniform(random, 0, delayMsMax),
      answerDelayMs: uniform(random, 0, delayMsMax),
    };
    if (!faulty) return { scenario: "pass", ...delays };
    return scenario === "fail" ? { scenario, ...delays } : { scenario, manner, ...delays };
  };
}
