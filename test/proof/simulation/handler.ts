import { sleep } from "../../../packages/once-again/src/core/clock.ts";
import { OnceAgainError } from "../../../packages/once-again/src/core/errors.ts";
import { uniform } from "../../../packages/once-again/src/core/random.ts";
import { type Execution, NoEffectError } from "../../../packages/once-again/src/engine/index.ts";
import { type HttpResponse } from "../../../packages/once-again/src/http/index.ts";
import type { SimulatedTransaction } from "./database.ts";
import type { Effect, EffectName, EffectRequest } from "./effects.ts";
import type { HandlerRun } from "./executions.ts";
import type { Ground } from "./ground.ts";

/** How a handler has its effects. */
const shapes = ["one", "one after the other", "in parallel", "one that is not awaited"] as const;

/** The same in each run of an order. */
function shapeOf(order: string): (typeof shapes)[number] {
  return shapes[Number(order.slice(1)) % shapes.length]!;
}

/** The effects that a success says have happened. */
export function promisedEffects(order: string): readonly EffectName[] {
  return ["one after the other", "in parallel"].includes(shapeOf(order)) ? ["charge", "notice"] : ["charge"];
}

/** Whether an order is one that the handler always declines. */
export function isDeclined(order: string): boolean {
  return order.endsWith("7");
}

export function orderIn(body: Uint8Array): string {
  return new TextDecoder().decode(body);
}

export function textOf({ scope, order, number }: Effect): string {
  return `charge ${number}: order ${order} of ${scope}`;
}

/** The handler: works for a while, has its effects, answers. While there are faults, it may fail anywhere. */
export async function carryOutOrder<Transaction>(
  ground: Ground,
  run: HandlerRun,
  execution: Execution<Transaction>,
  order: string,
): Promise<HttpResponse> {
  const { diary, plan, random, unlucky } = ground.scene;
  const { clock } = run.process;
  execution.signal.addEventListener("abort", () => {
    if (!OnceAgainError.isInstance(execution.signal.reason, "ONCE_HANDLER_TIMEOUT")) return;
    diary.window(run.hasEffect ? "handler given up after its effect" : "handler given up before its effect");
  });
  const work = async (): Promise<void> => {
    if (unlucky(0.02)) {
      diary.fault("handler hangs");
      await sleep(clock, plan.handlerMsMax * uniform(random, 0.9, 2));
    }
    await sleep(clock, uniform(random, 0, random() < 0.2 ? plan.workMsMax : 20));
  };
  const fail = (share: number, error: () => Error): void => {
    if (unlucky(share)) throw error();
  };
  const effect = (name: EffectName): Promise<Effect> =>
    effectOf(ground, run, execution, { scope: run.scope, key: run.key, order, name }, async () => {
      await work();
      fail(0.03, () => new Error(`The handler broke before its ${name}.`));
    });
  await work();
  if (isDeclined(order)) return { status: 402, headers: [], body: new TextEncoder().encode(`declined ${order}`) };
  fail(0.05, () => new NoEffectError("The service has not begun."));
  const charge = await effectsOf(shapeOf(order), effect, () =>
    diary.window("one effect of two failed, the other at work"),
  );
  await work();
  fail(0.03, () => new Error("The handler broke after its effect."));
  return { status: 201, headers: [], body: new TextEncoder().encode(textOf(charge)) };
}

/** Has the effects of an order. @returns its charge. */
async function effectsOf(
  shape: (typeof shapes)[number],
  effect: (name: EffectName) => Promise<Effect>,
  onHalf: () => void,
): Promise<Effect> {
  if (shape !== "in parallel") {
    const charge = await effect("charge");
    if (shape === "one after the other") await effect("notice");
    if (shape === "one that is not awaited") effect("notice").catch(() => undefined);
    return charge;
  }
  let atWork = 2;
  const counted = (name: EffectName): Promise<Effect> => effect(name).finally(() => (atWork -= 1));
  try {
    const [charge] = await Promise.all([counted("charge"), counted("notice")]);
    return charge;
  } catch (error) {
    if (atWork > 0) onHalf();
    throw error;
  }
}

/**
 * Has one effect, in the way of the mode.
 *
 * @param prepare what comes before it. A step has it inside: steps have to begin in the same order in each run.
 */
async function effectOf<Transaction>(
  { scene, effects }: Ground,
  run: HandlerRun,
  { abandoned, fence, step, transaction }: Execution<Transaction>,
  request: EffectRequest,
  prepare: () => Promise<void>,
): Promise<Effect> {
  const { mode } = scene.plan;
  if (mode === "rerun-keyed") {
    return step.keyed(request.name, async (downstreamKey) => {
      await prepare();
      return effects.happen(run, { ...request, downstreamKey });
    });
  }
  await prepare();
  if (transaction !== undefined) return (transaction as SimulatedTransaction).write(request);
  if (mode === "hold") return effects.happen(run, request);
  // Half of an order may have happened in an earlier run, which this look shuts out.
  const found = abandoned ? await effects.look(run.process, { ...request, fence }) : [];
  return found.find(({ name }) => name === request.name) ?? effects.happen(run, { ...request, fence });
}
