import type { KeyTreatment } from "../../../packages/once-again/src/engine/call-names.ts";
import type { Random } from "../../../packages/once-again/src/core/random.ts";

/** A handler, as a program that calls, branches, loops and does things together. */
export type Program = Call | Sequence | Together | Loop | Branch;

export interface Call {
  readonly kind: "call";
  readonly service: KeyTreatment;
  readonly path: string;
  readonly query: string;
  readonly amount: number;
  /** Whether its body has the time, which differs in each run. */
  readonly hasTime: boolean;
  readonly isStreamed: boolean;
  /** Whether the handler goes on when the call fails. */
  readonly isCaught: boolean;
}

interface Sequence {
  readonly kind: "sequence";
  readonly of: readonly Program[];
}

interface Together {
  readonly kind: "together";
  readonly of: readonly Program[];
}

interface Loop {
  readonly kind: "loop";
  readonly times: number;
  readonly body: Program;
}

/** Goes by the last response that was read. */
interface Branch {
  readonly kind: "branch";
  readonly odd: Program;
  readonly even: Program;
}

/** The hazards that a set of handlers has. */
export interface Hazards {
  /** Calls that run together come in another order in another run. */
  readonly swaps: boolean;
  /** Bodies have a time. */
  readonly times: boolean;
  /** Bodies are streams. */
  readonly streams: boolean;
  /** A second run has the statements of a sequence in another order, as after a deployment. */
  readonly deploys: boolean;
  /** Connections break in runs that go on. */
  readonly faults: boolean;
  /** Some calls go to a service without keys. */
  readonly keyless: boolean;
  /** The service that compares is there. */
  readonly compares: boolean;
  /** The service that does not compare is there. */
  readonly replays: boolean;
  /** Calls can be written down before they leave. */
  readonly records: boolean;
}

/** @param size about how many calls it has. */
export function randomProgram(random: Random, hazards: Hazards, size: number): Program {
  const pick = <Value>(of: readonly Value[]): Value => of[Math.floor(random() * of.length)]!;
  const services: readonly KeyTreatment[] = [
    ...(hazards.compares ? (["compares"] as const) : []),
    ...(hazards.replays ? (["replays"] as const) : []),
  ];
  const call = (): Call => ({
    kind: "call",
    service: hazards.keyless && random() < 0.1 ? "ignores" : pick(services),
    path: pick(["/charges", "/charges", "/mails"]),
    query: random() < 0.05 ? "?dry=no" : "",
    amount: pick([5, 5, 8]),
    hasTime: hazards.times && random() < 0.2,
    isStreamed: hazards.streams && random() < 0.2,
    isCaught: random() < 0.3,
  });
  const some = (left: number): Program[] => {
    const count = 2 + Math.floor(random() * 2);
    return Array.from({ length: count }, () => make(left / count));
  };
  const make = (left: number): Program => {
    if (left <= 1) return call();
    const kind = pick(["sequence", "sequence", "together", "together", "loop", "branch"] as const);
    switch (kind) {
      case "loop":
        return { kind, times: 2, body: make(left / 2) };
      case "branch":
        // Statements in another order would go another way.
        if (hazards.deploys) return make(left);
        return { kind, odd: make(left / 2), even: make(left / 2) };
      default:
        return { kind, of: some(left) };
    }
  };
  return make(size);
}

/** The program after a deployment: the same calls in another order. */
export function reordered(program: Program, random: Random): Program {
  switch (program.kind) {
    case "sequence":
    case "together": {
      const places = program.of.map((part) => ({ part: reordered(part, random), place: random() }));
      return { ...program, of: places.sort((one, other) => one.place - other.place).map(({ part }) => part) };
    }
    case "loop":
      return { ...program, body: reordered(program.body, random) };
    default:
      return program;
  }
}
