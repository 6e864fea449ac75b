import type { Awaitable } from "../../../packages/once-again/src/core/awaitable.ts";
import type { ClaimAnswer, RecordName, Store } from "../../../packages/once-again/src/stores/store.ts";
import { tracedAnswer, tracedCall, type ExecutedLine } from "../trace/trace-step.ts";
import type { Executions } from "./executions.ts";
import { type Fate, fateOf, remoteCall, type Scene } from "./scene.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { CriticalWindow, FaultKind } from "./windows.ts";

type Operation = "claim" | "complete" | "renew" | "release" | "checkpoint" | "inspect";

/** Called when an operation of a late owner changed the record all the same. */
type OnLateChange = (what: string) => void;

/** The store as one process sees it: over a network, with both failure edges at every call. */
export function remoteStore(
  scene: Scene,
  store: Store,
  process: SimulatedProcess,
  executions: Executions,
  onLateChange: OnLateChange,
  trace?: (line: ExecutedLine) => void,
): Store {
  const { diary, plan } = scene;

  const call = <Answer>(
    operation: Operation,
    name: RecordName & { owner?: string },
    carryOut: () => Awaitable<Answer>,
    asked?: Parameters<typeof tracedCall>[0],
  ): Promise<Answer> => {
    diary.portCalls += 1;
    const fate = fateOf(scene, plan.storeFaults);
    const fault = faultOf[fate];
    if (fault !== undefined) diary.fault(fault);
    const lost = fate === "lost before" ? lostWindows[operation] : undefined;
    if (lost !== undefined) diary.window(lost);
    return remoteCall(scene, process, fate, async () => {
      const executedAt = Math.floor(scene.time.now);
      const before = store.inspect(name);
      const answered = carryOut();
      const after = store.inspect(name);
      const answer = await answered;
      if (trace !== undefined && asked !== undefined) {
        trace({
          id: `${process.name} ${diary.portCalls} ${scene.time.now}`,
          executedAt,
          process: process.name,
          isHeard: fate === "answered",
          ...tracedCall(asked),
          answer: tracedAnswer(answer as ClaimAnswer | boolean),
        });
      }
      const owner = (await before)?.record.owner;
      if (["complete", "renew", "release", "checkpoint"].includes(operation) && owner !== name.owner) {
        if (JSON.stringify((await before)?.record) !== JSON.stringify((await after)?.record)) {
          onLateChange(`${operation} of ${name.scope} ${name.key}`);
        }
        if (answer === false && owner !== undefined) diary.window("late owner refused");
      }
      diary.note(`${process.name}: ${operation} ${name.scope} ${name.key}: ${answerText(answer)}, ${fate}`);
      if (answer === true && (operation === "complete" || operation === "release")) executions.end(process, name);
      for (const window of windowsOf(operation, fate, answer)) diary.window(window);
      return answer;
    });
  };
  return {
    ...store,
    survivesFailover: "yes",
    claim: (request) => call("claim", request, () => store.claim(request), { kind: "claim", ...request }),
    complete: (request) => call("complete", request, () => store.complete(request), { kind: "complete", ...request }),
    renew: (request) => call("renew", request, () => store.renew(request), { kind: "renew", ...request }),
    release: (request) => call("release", request, () => store.release(request), { kind: "release", ...request }),
    checkpoint: (request) => call("checkpoint", request, () => store.checkpoint(request)),
    inspect: (name) => call("inspect", name, () => store.inspect(name)),
  };
}

const faultOf: Partial<Record<Fate, FaultKind>> = {
  "lost before": "port call failed before it applied",
  "lost after": "port call applied, answer lost",
  late: "port call late",
};

const lostWindows: Partial<Record<Operation, CriticalWindow>> = {
  claim: "claim lost before it was executed",
  complete: "completion lost before it was executed",
};

/** The critical windows that an executed call has hit. */
function windowsOf(operation: Operation, fate: Fate, answer: unknown): CriticalWindow[] {
  const hit: CriticalWindow[] = [];
  if (fate === "late") hit.push("call arrived after it was given up");
  if (operation === "claim") {
    const claimed = answer as ClaimAnswer;
    if (claimed.kind === "acquired" && fate === "lost after") hit.push("claim executed, answer lost");
    if (claimed.kind === "acquired" && claimed.abandoned) hit.push("operation taken over");
    if (claimed.kind === "abandoned") hit.push("held operation asked for");
  }
  if (answer === true && fate === "lost after") {
    if (operation === "complete") hit.push("completion executed, answer lost");
    if (operation === "release") hit.push("release executed, answer lost");
  }
  return hit;
}

function answerText(answer: unknown): string {
  if (typeof answer === "boolean") return String(answer);
  return typeof answer === "object" && answer !== null && "kind" in answer ? String(answer.kind) : "looked";
}
