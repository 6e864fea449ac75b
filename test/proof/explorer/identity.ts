import { isExpired } from "../../../packages/once-again/src/stores/transition.ts";
import { leaseMs } from "./configuration.ts";
import type { Worker, World } from "./world.ts";

/**
 * A text that is equal for two worlds if their differences can't matter: then only one of them need be explored. Times
 * count by what is over, fences by their rank, workers that brought the same request by what they do and not by their
 * number. So the exploration ends although clocks and fences grow.
 */
export function identity(world: World, requests: readonly string[]): string {
  const { now, record, late, effects, lost } = world;
  const numbers = renumbered(world, requests);
  const nameOf = (worker: number | undefined): number | undefined => numbers.get(worker ?? -1) ?? worker;
  const rank = ranking(world);
  const stored = record && [
    record.state,
    record.fingerprint,
    nameOf(Number(record.owner)),
    record.attempt > 1,
    rank(record.fence),
    record.leaseUntil > now ? "alive" : now - record.leaseUntil,
    isExpired(record, now),
    record.expiresAt <= record.leaseUntil,
    nameOf(record.result?.[0]),
  ];
  const seen = [...numbers.keys()].map((index) => {
    const { phase, call, fence, abandoned, looked, effect, ended, until, worksOn } = world.workers[index]!;
    const answer = nameOf(answerTo(world.workers[index]!));
    // One that has long been over is over.
    const left = until === undefined ? undefined : Math.max(until - now, -leaseMs);
    // A worker that has crashed does no more than one that has ended.
    if (phase === "ended" || phase === "crashed") return ["ended", answer, ...(worksOn ? [rank(fence), left] : [])];
    const end = ended && [ended.effect, nameOf(ended.result[0])];
    return [phase, call, rank(fence), abandoned, looked, nameOf(effect), end, answer, left, worksOn];
  });
  const { operation } = late ?? {};
  const result = operation && "result" in operation ? nameOf(operation.result[0]) : undefined;
  const onItsWay = late && [nameOf(late.from), operation?.kind, result, operation?.kind === "renew"];
  return JSON.stringify([stored, seen, onItsWay, effects.by.map(nameOf), rank(effects.fence), lost]);
}

/** The answer that a worker's caller got. */
function answerTo({ outcome }: Worker): number | undefined {
  return outcome !== undefined && "result" in outcome ? outcome.result[0] : undefined;
}

/** New numbers for the workers, in which those that brought the same request are ordered by what they do. */
function renumbered({ workers, record, late, effects }: World, requests: readonly string[]): Map<number, number> {
  const described = workers.map((worker, index) => {
    const role = [String(index) === record?.owner, index === late?.from, effects.by.includes(index)];
    const { phase, call, ended } = worker;
    const isOver = phase === "ended" || phase === "crashed";
    const isAnswered = answerTo(worker) !== undefined;
    const text = `${requests[index]} ${isOver} ${phase} ${call} ${ended?.effect} ${isAnswered} ${worker.worksOn}`;
    return { index, text: `${text} ${role.join()}` };
  });
  described.sort((one, other) => (one.text < other.text ? -1 : Number(one.text > other.text)));
  return new Map(described.map(({ index }, place) => [index, place]));
}

function ranking({ record, effects, workers }: World): (fence: number | undefined) => number {
  const fences = [record?.fence, effects.fence, ...workers.map(({ fence }) => fence)];
  const ranks = [...new Set(fences.filter((fence) => fence !== undefined))].sort((one, other) => one - other);
  return (fence) => (fence === undefined ? -1 : ranks.indexOf(fence));
}
