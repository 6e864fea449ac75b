import { outcomeOfClaim } from "../../../packages/once-again/src/engine/request-end.ts";
import type { ClaimAnswer } from "../../../packages/once-again/src/stores/store.ts";
import type { Configuration } from "./configuration.ts";
import type { Step } from "./step.ts";
import { failure, type Worker, withWorker, type World } from "./world.ts";

/**
 * Everything that one request of the transactional engine may do next. Its transaction holds the key's lock, so a second
 * one waits or gets "in progress"; others see it after its commit, and a crash undoes it.
 */
export function transactionalSteps(world: World, index: number, configuration: Configuration): Step[] {
  const worker = world.workers[index]!;
  if (worker.worksOn) return late(world, index, configuration);
  switch (worker.phase) {
    case "absent":
      return begin(world, index, configuration);
    case "working":
      return [
        phase(world, index, { ...worker, phase: "committing", effect: index }, "writes its effect"),
        phase(world, index, { phase: "ended" }, "fails, and is rolled back"),
        ...(configuration.worksOn
          ? [phase(world, index, { phase: "ended", worksOn: true }, "fails in one branch, and is rolled back")]
          : []),
        phase(world, index, { phase: "crashed" }, "dies with its process"),
      ];
    case "committing":
      return commit(world, index, configuration);
    default:
      return [];
  }
}

/** The other branch of a handler asks for its effect after the transaction is over. */
function late(world: World, index: number, { guardsTransactions }: Configuration): Step[] {
  if (guardsTransactions) return [phase(world, index, { phase: "ended" }, "refuses what its other branch asks for")];
  const { effects } = world;
  const carriedOut: World = { ...world, effects: { ...effects, by: [...effects.by, index] } };
  return [
    phase(carriedOut, index, { phase: "ended" }, "is over, and the EFFECT of its other branch is committed alone"),
  ];
}

function begin(world: World, index: number, { rules, requests, retentionMs }: Configuration): Step[] {
  const { record, now, workers } = world;
  if (workers.some(({ phase }) => phase === "working" || phase === "committing")) {
    return [phase(world, index, answered({ kind: "in-progress", leaseMsLeft: 0 }), "finds the key locked")];
  }
  const { answer } = rules.transition(record, claim(index, requests[index]!, retentionMs), now);
  return answer.kind === "acquired"
    ? [phase(world, index, { phase: "working" }, "begins")]
    : [phase(world, index, answered(answer), `is answered by the record: ${answer.kind}`)];
}

/** A commit stores everything or nothing; when its answer is lost, the caller gets a 503. */
function commit(world: World, index: number, { rules, requests, retentionMs }: Configuration): Step[] {
  const { now, effects } = world;
  const result = Uint8Array.of(index);
  const claimed = rules.transition(world.record, claim(index, requests[index]!, retentionMs), now);
  const completion = { kind: "complete", scope: "s", key: "k", owner: String(index), result, retentionMs } as const;
  const { record } = rules.transition(claimed.record, completion, now);
  const committed: World = { ...world, record, effects: { ...effects, by: [...effects.by, index] } };
  const failed = rules.transition(claimed.record, { ...completion, result: Uint8Array.of(failure) }, now);
  const refused: World = { ...world, record: failed.record };
  return [
    phase(
      committed,
      index,
      { phase: "ended", outcome: { kind: "executed", result } },
      "COMMITS its effect and answers",
    ),
    phase(committed, index, { phase: "ended" }, "COMMITS its effect, and the confirmation is lost"),
    phase(committed, index, { phase: "crashed" }, "COMMITS its effect, and its process dies"),
    phase(world, index, { phase: "ended" }, "fails to commit"),
    phase(world, index, { phase: "crashed" }, "dies with its process before it commits"),
    phase(
      refused,
      index,
      { phase: "ended", outcome: { kind: "executed", result: Uint8Array.of(failure) } },
      "refuses: its effect is undone, its answer stored",
    ),
  ];
}

function claim(index: number, fingerprint: string, retentionMs: number) {
  return { kind: "claim", scope: "s", key: "k", owner: String(index), fingerprint, leaseMs: 0, retentionMs } as const;
}

function answered(answer: Exclude<ClaimAnswer, { kind: "acquired" }>): Worker {
  return { phase: "ended", outcome: outcomeOfClaim(answer) };
}

function phase(world: World, index: number, worker: Worker, what: string): Step {
  return { say: `the transaction of request ${index + 1} ${what}`, next: withWorker(world, index, worker) };
}
