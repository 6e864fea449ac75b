import type { Random } from "../../../packages/once-again/src/core/random.ts";
import {
  type CallDecision,
  callNames,
  type CallNames,
  type KeyTreatment,
  type RecordedCall,
} from "../../../packages/once-again/src/engine/call-names.ts";
import type { Call, Hazards, Program } from "./program.ts";
import { type Providers, type SentRequest } from "./provider.ts";

/** The services, the record and the clock that all runs of one operation share. */
export interface World {
  readonly providers: Providers;
  readonly random: Random;
  readonly hazards: Hazards;
  /** The calls of all runs as they are written down. */
  recorded: readonly RecordedCall[];
  /** Requests that arrive after their sender has given up, or died. */
  readonly late: SentRequest[];
  clock: number;
  sent: number;
}

/** How a run ended. */
export interface RunEnd {
  readonly kind: "returned" | "threw" | "held" | "killed";
  readonly steps: number;
  /** The calls that the handler went on without, although they may have arrived or not. */
  readonly doubts: readonly Call[];
  /** Responses of another call, which the handler mistook for its call's response. */
  readonly wrong: readonly string[];
  /** Whether a call left without a key. */
  readonly wasKeyless: boolean;
  readonly waited: number;
}

type Response = { readonly amount: number } | "failed";
type Task = Generator<Call | { readonly together: readonly Task[] }, void, Response>;

/** The error of a handler that does not catch a failed call. */
class CallFailed extends Error {}

function* perform(program: Program, last: { amount: number }): Task {
  switch (program.kind) {
    case "call": {
      const response = yield program;
      if (response === "failed" && !program.isCaught) throw new CallFailed();
      last.amount = response === "failed" ? program.amount : response.amount;
      return;
    }
    case "sequence":
      for (const part of program.of) yield* perform(part, last);
      return;
    case "together":
      if ((yield { together: program.of.map((part) => perform(part, { ...last })) }) === "failed")
        throw new CallFailed();
      return;
    case "loop":
      for (let time = 0; time < program.times; time += 1) yield* perform(program.body, last);
      return;
    case "branch":
      yield* perform(last.amount % 2 === 1 ? program.odd : program.even, last);
  }
}

/** One strand of the handler, and its next step. */
interface Strand {
  next: (() => void) | undefined;
  /** Whether its next step only asks again. */
  waits: boolean;
}

/** Runs a handler, a step at a time, to its end or to the step at which its process is killed. */
export function runHandler(
  world: World,
  program: Program,
  { isRerun, killedAt, isCalm }: { readonly isRerun: boolean; readonly killedAt: number; readonly isCalm: boolean },
): RunEnd {
  const { random, hazards, providers } = world;
  const names: CallNames = callNames({
    isRerun,
    recorded: world.recorded,
    records: hazards.records,
    treatment: (origin) => origin.slice("https://".length) as KeyTreatment,
  });
  const strands: Strand[] = [];
  const onTheWay = new Set<SentRequest>();
  const doubts: Call[] = [];
  const wrong: string[] = [];
  let wasKeyless = false;
  let waited = 0;
  let steps = 0;
  let end: "returned" | "threw" | undefined;

  const start = (task: Task, whenDone: (didFail: boolean) => void): void => {
    const strand: Strand = { next: undefined, waits: false };
    strands.push(strand);
    const resume = (response: Response): void => {
      try {
        const { value, done } = task.next(response);
        if (done === true) whenDone(false);
        else if ("together" in value)
          join(value.together, (didFail) => (strand.next = once(() => resume(didFail ? "failed" : { amount: 0 }))));
        else send(value);
      } catch (error) {
        if (!(error instanceof CallFailed)) throw error;
        whenDone(true);
      }
    };
    /** A step that runs once. */
    const once = (step: () => void) => (): void => {
      strand.next = undefined;
      strand.waits = false;
      step();
    };
    const send = (call: Call): void => {
      const origin = `https://${call.service}`;
      const body = `${call.amount}${call.hasTime ? ` at ${(world.clock += 1)}` : ""}`;
      const hash = call.isStreamed ? undefined : `${call.query} ${body}`;
      const decide = (): void => {
        const decision = names.decide({ method: "POST", origin, path: call.path, query: call.query, hash });
        if (decision.kind === "wait") {
          waited += 1;
          strand.next = once(decide);
          strand.waits = true;
        } else if (decision.kind === "undecided") {
          strand.next = once(() => resume("failed"));
        } else {
          strand.next = once(() => write(decision));
        }
      };
      const write = (decision: CallDecision & { kind: "named" | "keyless" }): void => {
        const { record } = decision;
        if (record !== undefined && record.length > world.recorded.length) world.recorded = record;
        wasKeyless ||= decision.kind === "keyless";
        strand.next = once(() => leave(decision));
      };
      const leave = (decision: CallDecision & { kind: "named" | "keyless" }): void => {
        const { group, number } = decision.call;
        const request: SentRequest = {
          service: call.service,
          key: decision.kind === "named" ? `${group} ${number}` : undefined,
          target: call.path + call.query,
          body,
          amount: call.amount,
        };
        onTheWay.add(request);
        world.sent += 1;
        strand.next = once(() => arrive(request, decision.call));
      };
      const arrive = (request: SentRequest, named: RecordedCall): void => {
        onTheWay.delete(request);
        const isBroken = hazards.faults && !isCalm && random() < 0.1;
        const fate = isBroken ? Math.floor(random() * 3) : undefined;
        if (fate === 0) world.late.push(request);
        const response = fate === 0 || fate === 1 ? undefined : providers.receive(request);
        strand.next = once(() => {
          if (isBroken || response === undefined) {
            names.end(named, "unanswered");
            doubts.push(call);
            resume("failed");
          } else if (response === "refused") {
            names.end(named, "refused");
            resume("failed");
          } else {
            names.end(named, "answered");
            if (response !== call.amount) wrong.push(`${call.service} ${call.path} ${call.amount} got ${response}`);
            resume({ amount: response });
          }
        });
      };
      strand.next = once(decide);
    };
    strand.next = once(() => resume({ amount: 0 }));
  };
  const join = (tasks: readonly Task[], whenDone: (didFail: boolean) => void): void => {
    let left = tasks.length;
    let anyFailed = false;
    for (const task of tasks) {
      start(task, (didFail) => {
        anyFailed ||= didFail;
        if ((left -= 1) === 0) whenDone(anyFailed);
      });
    }
  };

  start(perform(program, { amount: 0 }), (didFail) => (end = didFail ? "threw" : "returned"));
  const facts = () => ({ steps, doubts, wrong, wasKeyless, waited });
  for (;;) {
    const ready = strands.filter(({ next }) => next !== undefined);
    if (ready.length === 0) break;
    if (steps === killedAt) {
      for (const request of onTheWay) lose(world, request);
      return { kind: "killed", ...facts() };
    }
    steps += 1;
    if (world.late.length > 0 && random() < 0.2) providers.receive(world.late.shift()!);
    const active = ready.filter(({ waits }) => !waits);
    const among = active.length === 0 || random() < 0.1 ? ready : active;
    const chosen = hazards.swaps ? among[Math.floor(random() * among.length)]! : among[0]!;
    chosen.next!();
  }
  return { kind: names.mustHold() ? "held" : end!, ...facts() };
}

/** Decides the fate of a request after the death of its sender: it has arrived, never arrives, or arrives later. */
function lose({ random, providers, late }: World, request: SentRequest): void {
  const fate = Math.floor(random() * 3);
  if (fate === 0) providers.receive(request);
  if (fate === 1) late.push(request);
}
