import type { Fault } from "../fault.ts";
import { answeredOnce, answeredOnceAmongMany, type Judge, refusedSecond } from "./judge.ts";
import type { Operation } from "./operation.ts";
import type { CallerOutcome } from "./observation.ts";

/** The actions that a scenario may take. */
export interface ScenarioContext {
  /** Sends an operation until it is answered; its first exchange meets the fault. */
  askThrough(fault: Fault, operation: Operation): Promise<CallerOutcome>;
  /** Sends the copies of an operation, none of which reaches the server before all are on their way. */
  sendCopies(operation: Operation): Promise<readonly CallerOutcome[]>;
  ask(operation: Operation): Promise<CallerOutcome>;
  send(operation: Operation): Promise<CallerOutcome>;
  /** Another request with the key of an operation. */
  otherThan(operation: Operation): Operation;
  /** Sends an operation, and hangs up when this part of the time has passed that a plain one takes. */
  hangUp(operation: Operation, part: number): Promise<void>;
}

/** One way in which an operation comes more than once, or nearly not at all. */
export interface UncertainScenario {
  readonly name: string;
  readonly happened: string;
  /** The answers that the callers saw. */
  run(context: ScenarioContext, operation: Operation): Promise<readonly CallerOutcome[]>;
  readonly judge: Judge;
}

/** How many copies of one operation arrive at once. */
export const duplicateCount = 50;

/** The three scenarios of uncertainty, and what comes with them. */
export const uncertainScenarios: readonly UncertainScenario[] = [
  {
    name: "request-lost",
    happened: "The request was lost on its way, and the caller sent it again.",
    run: async (context, operation) => [await context.askThrough({ scenario: "lose-request" }, operation)],
    judge: answeredOnce,
  },
  {
    name: "request-failed",
    happened: "The request arrived and failed, and the caller sent it again.",
    run: async (context, operation) => [await context.askThrough({ scenario: "fail" }, operation)],
    judge: answeredOnce,
  },
  {
    name: "answer-lost",
    happened: "The request arrived and succeeded, its answer was lost, and the caller sent it again.",
    run: async (context, operation) => [await context.askThrough({ scenario: "lose-answer" }, operation)],
    judge: answeredOnce,
  },
  {
    name: "duplicates",
    happened: `${duplicateCount} copies of the request arrived at once.`,
    run: (context, operation) => context.sendCopies(operation),
    judge: answeredOnceAmongMany,
  },
  {
    name: "caller-gone",
    happened: "The caller hung up three times while the handler was at work, and then asked again.",
    async run(context, operation) {
      for (const part of [0.25, 0.5, 0.75]) await context.hangUp(operation, part);
      return [await context.ask(operation)];
    },
    judge: answeredOnce,
  },
  {
    name: "key-reused",
    happened: "Another request came with the key of one that was done.",
    run: async (context, operation) => [
      await context.send(operation),
      await context.send(context.otherThan(operation)),
    ],
    judge: refusedSecond,
  },
];
