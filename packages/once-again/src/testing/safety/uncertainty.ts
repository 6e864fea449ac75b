import type { Fault } from "../fault.ts";
import { answeredOnce, answeredOnceAmongMany, type Judge, refusedSecond } from "./judge.ts";
import type { Operation } from "./operation.ts";
import type { Seen } from "./observation.ts";

/** What a scenario may do. */
export interface Stage {
  /** Sends an operation until it is answered; its first exchange meets the fault. */
  askThrough(fault: Fault, operation: Operation): Promise<Seen>;
  /** Sends the copies of an operation, none of which reaches the server before all are on their way. */
  sendCopies(operation: Operation): Promise<readonly Seen[]>;
  ask(operation: Operation): Promise<Seen>;
  send(operation: Operation): Promise<Seen>;
  /** Another request with the key of an operation. */
  otherThan(operation: Operation): Operation;
  /** Sends an operation, and hangs up when this part of the time has passed that a plain one takes. */
  hangUp(operation: Operation, part: number): Promise<void>;
}

/** One way in which an operation comes more than once, or nearly not at all. */
export interface UncertainScenario {
  readonly name: string;
  readonly happened: string;
  /** What the callers saw. */
  run(stage: Stage, operation: Operation): Promise<readonly Seen[]>;
  readonly judge: Judge;
}

/** How many copies of one operation arrive at once. */
export const copies = 50;

/** The three scenarios of uncertainty, and what comes with them. */
export const uncertainties: readonly UncertainScenario[] = [
  {
    name: "request-lost",
    happened: "The request was lost on its way, and the caller sent it again.",
    run: async (stage, operation) => [await stage.askThrough({ scenario: "lose-request" }, operation)],
    judge: answeredOnce,
  },
  {
    name: "request-failed",
    happened: "The request arrived and failed, and the caller sent it again.",
    run: async (stage, operation) => [await stage.askThrough({ scenario: "fail" }, operation)],
    judge: answeredOnce,
  },
  {
    name: "answer-lost",
    happened: "The request arrived and succeeded, its answer was lost, and the caller sent it again.",
    run: async (stage, operation) => [await stage.askThrough({ scenario: "lose-answer" }, operation)],
    judge: answeredOnce,
  },
  {
    name: "duplicates",
    happened: `${copies} copies of the request arrived at once.`,
    run: (stage, operation) => stage.sendCopies(operation),
    judge: answeredOnceAmongMany,
  },
  {
    name: "caller-gone",
    happened: "The caller hung up three times while the handler was at work, and then asked again.",
    async run(stage, operation) {
      for (const part of [0.25, 0.5, 0.75]) await stage.hangUp(operation, part);
      return [await stage.ask(operation)];
    },
    judge: answeredOnce,
  },
  {
    name: "key-reused",
    happened: "Another request came with the key of one that was done.",
    run: async (stage, operation) => [await stage.send(operation), await stage.send(stage.otherThan(operation))],
    judge: refusedSecond,
  },
];
