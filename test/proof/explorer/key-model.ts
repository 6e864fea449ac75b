import type { Configuration } from "./configuration.ts";
import type { Model } from "./explore.ts";
import { identity } from "./identity.ts";
import { brokenAtTheEnd, brokenIn } from "./invariants.ts";
import { leasedSteps } from "./leased-steps.ts";
import { appliedTo, type Step } from "./step.ts";
import { transactionalSteps } from "./transactional-steps.ts";
import { start, type Worker, type World } from "./world.ts";

/** Deliveries of one key, each in a separate process, and a store. */
export function keyModel(configuration: Configuration): Model<World> {
  const { requests } = configuration;
  return {
    first: start(requests.length),
    identity: (world) => identity(world, requests),
    stepsFrom: (world) => stepsFrom(world, configuration),
    brokenIn: (world) => brokenIn(world, configuration),
    brokenAtTheEnd: (world) => brokenAtTheEnd(world, configuration),
    end: "nothing more happens, and a last repeat is sent",
  };
}

function stepsFrom(world: World, configuration: Configuration): Step[] {
  const { mode, requests } = configuration;
  const stepsOf = mode === "leased" ? leasedSteps : transactionalSteps;
  const own = requests.flatMap((_request, index) => stepsOf(world, index, configuration));
  return [...own, ...storeSteps(world, configuration)];
}

/** The steps of the store and of time, whatever the workers do. */
function storeSteps(world: World, configuration: Configuration): Step[] {
  const { record, now, late, lost } = world;
  const steps: Step[] = [];
  if (late !== undefined) {
    const { next, breaks } = appliedTo({ ...world, late: undefined }, late.operation, configuration);
    steps.push({ say: `the ${late.operation.kind} of request ${late.from + 1} arrives late`, next, breaks });
  }
  if (configuration.losesRecords && !lost && record !== undefined) {
    steps.push({ say: "the store loses the record", next: { ...world, record: undefined, lost: true } });
  }
  if (record?.state !== "running") return steps;
  const { takeOverAfterMs = 0 } = configuration;
  if (record.leaseUntil > now) {
    steps.push({ say: "time passes until the lease is over", next: { ...world, now: record.leaseUntil } });
  } else if (now < record.leaseUntil + takeOverAfterMs) {
    steps.push({
      say: "the quiet time passes: all handlers have stopped",
      next: stopped({ ...world, now: record.leaseUntil + takeOverAfterMs }, takeOverAfterMs),
    });
  }
  return steps;
}

/**
 * The promise of `quiesceMs`: no worker has an effect any more so long after its lease has ended, as the worker knew it.
 * A worker that was answered by others, and lost its lease to them, knows of no end but the first.
 */
function stopped(world: World, quiesceMs: number): World {
  const workers = world.workers.map((worker): Worker => {
    if ((worker.until ?? world.now - quiesceMs) + quiesceMs > world.now) return worker;
    const { worksOn: _over, ...rest } = worker;
    return worker.phase === "working" ? { phase: "crashed" } : rest;
  });
  return { ...world, workers };
}
