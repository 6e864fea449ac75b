import type { Configuration } from "../explorer/configuration.ts";
import { keyModel } from "../explorer/key-model.ts";
import { failure, type Worker, type World } from "../explorer/world.ts";

const states = { running: 1, done: 2 } as const;
const phases = { absent: 0, calling: 1, working: 2, committing: 4, ended: 3, crashed: 3 } as const;
const calls = { claim: 1, settle: 2, inspect: 3, "take-back": 4 } as const;
const operations = { claim: 1, complete: 5, release: 6, renew: 7, checkpoint: 8, resolve: 9 } as const;
const ends = { none: 1, unknown: 2, done: 3, held: 4, refused: 5 } as const;

/** A result as the model numbers it: the worker that had the effect, from 1, or the failure. */
const numberOf = (result: number | undefined): number =>
  result === undefined ? 0 : result === failure ? 9 : result + 1;

/** A world of the explorer in the words of spec/key.pml, as the model prints its states. */
export function keyState({ now, record, workers, late, effects }: World, requests: readonly string[]): string {
  const isRunning = record?.state === "running";
  const stored = record && [
    states[record.state],
    Number(record.owner) + 1,
    new Set(requests).size === 1 || record.fingerprint === requests[0] ? 1 : 2,
    Number(isRunning && record.leaseUntil > now),
    Number(record.attempt > 1),
    numberOf(record.result?.[0]),
  ];
  const operation = late?.operation;
  const result = operation !== undefined && "result" in operation ? operation.result[0] : undefined;
  return [
    (stored ?? [0, 0, 0, 0, 0, 0]).join(),
    ...workers.map((worker) => workerState(worker).join()),
    [
      late === undefined ? 0 : late.from + 1,
      operation === undefined ? 0 : operations[operation.kind],
      numberOf(result),
    ].join(),
    [effects.by.length, numberOf(effects.by[0])].join(),
  ].join(";");
}

function workerState({ phase, call, abandoned = false, effect, ended, outcome, worksOn }: Worker): number[] {
  const answer = outcome !== undefined && "result" in outcome ? outcome.result[0] : undefined;
  const isOver = phases[phase] === 3;
  return [
    worksOn ? 5 : phases[phase],
    isOver || call === undefined ? 0 : calls[call],
    Number(!isOver && abandoned),
    isOver ? 0 : numberOf(effect),
    isOver || ended === undefined ? 0 : ends[ended.effect],
    numberOf(answer),
  ];
}

/** The steps between different states of a model, each as `from > to`. */
export type Graph = ReadonlySet<string>;

/** The graph of everything that the explorer's relation can do, without a bound. */
export function keyGraph(configuration: Configuration): Graph {
  const { first, stepsFrom } = keyModel(configuration);
  const nameOf = (world: World): string => keyState(world, configuration.requests);
  const steps = new Set<string>();
  const seen = new Set([nameOf(first)]);
  let frontier = [first];
  while (frontier.length > 0) {
    const next: World[] = [];
    for (const world of frontier) {
      const from = nameOf(world);
      for (const step of stepsFrom(world)) {
        const to = nameOf(step.next);
        if (from !== to) steps.add(`${from} > ${to}`);
        if (seen.has(to)) continue;
        seen.add(to);
        next.push(step.next);
      }
    }
    frontier = next;
  }
  return steps;
}
