import {
  NoEffectError,
  onceHttp,
  type Execution,
  type HttpAnswer,
  type HttpRequest,
  type OnceHttp,
} from "../../../src/server/index.ts";
import type { HttpHandler } from "../../../src/server/http/handler-work.ts";
import { OnceAgainError } from "../../../src/core/errors.ts";
import { uniform } from "../../../src/core/random.ts";
import { sleep } from "../../../src/core/clock.ts";
import type { Store } from "../../../src/stores/store.ts";
import type { SimulatedDatabase, SimulatedTransaction } from "./database.ts";
import type { Charge, EffectService } from "./effects.ts";
import type { Executions } from "./executions.ts";
import type { Scene } from "./scene.ts";
import type { SimulatedProcess } from "./simulated-process.ts";

/** What every server of one simulation is built on. */
export interface Ground {
  readonly scene: Scene;
  readonly effects: EffectService;
  readonly executions: Executions;
  readonly database: SimulatedDatabase;
  storeOf(process: SimulatedProcess): Store;
}

/** The request that callers send. */
export interface OrderRequest {
  readonly scope: string;
  readonly key: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

export type Serve = (request: OrderRequest) => Promise<HttpAnswer>;

const secret = new Uint8Array(16);

/** The real HTTP rules on the real engine, in a simulated process. Made anew at every start of the process. */
export function serverOn(ground: Ground, process: SimulatedProcess): Serve {
  const { scene, database } = ground;
  const { diary, plan } = scene;
  const options = {
    scope: (request: OrderRequest) => request.scope,
    clock: process.clock,
    leaseMs: plan.leaseMs,
    waitMs: plan.waitMs,
    storeMsMax: 400,
    handlerMsMax: plan.handlerMsMax,
    random: scene.random,
    secret,
    onError: () => undefined,
    onEvent: ({ kind }: { kind: string }) => {
      if (kind === "lease-lost") diary.window("lease lost while it worked");
      if (kind === "in-progress") diary.window("repeat came while it worked");
      if (kind === "mismatch") diary.window("another request under the same key");
    },
  };
  if (plan.mode === "transactional") {
    const once = onceHttp({ ...options, mode: "transactional", store: database.storeOf(process) });
    return serving(once, (execution, body) => order(ground, process, execution, body));
  }
  const onUnknown = { hold: "hold", "rerun-keyed": "rerun", "reconcile-fenced": reconcile } as const;
  const once = onceHttp({ ...options, store: ground.storeOf(process), onUnknown: onUnknown[plan.mode] });
  return serving(once, (execution, body) => order(ground, process, execution, body));

  async function reconcile({ scope, key = "", fence }: Execution) {
    const found = await ground.effects.look(process, { scope, key, fence });
    return found === undefined ? { absent: "fenced" as const } : { found: { status: 201, body: textOf(found) } };
  }
}

function serving<Transaction>(once: OnceHttp<OrderRequest, Transaction>, handler: HttpHandler<Transaction>): Serve {
  return (request) => {
    const asked: HttpRequest<OrderRequest> = {
      native: request,
      method: "POST",
      path: "/orders",
      query: "",
      contentType: "text/plain",
      keyValues: [request.key],
      body: async () => request.body,
    };
    return once.answer(asked, handler);
  };
}

/** The handler: works for a while, charges, answers. Some orders are declined; while there are faults, it may fail. */
async function order<Transaction>(
  { scene, effects, executions }: Ground,
  process: SimulatedProcess,
  execution: Execution<Transaction>,
  body: Uint8Array,
): Promise<HttpAnswer> {
  const { diary, plan, random, unlucky } = scene;
  const { scope, key = "", fence, transaction } = execution;
  const order = new TextDecoder().decode(body);
  const run = executions.begin({ scope, key, process, inTransaction: transaction !== undefined });
  execution.signal.addEventListener("abort", () => {
    if (!OnceAgainError.isInstance(execution.signal.reason, "ONCE_HANDLER_TIMEOUT")) return;
    diary.window(run.hasEffect ? "handler given up after its effect" : "handler given up before its effect");
  });
  const work = async (): Promise<void> => {
    if (unlucky(0.02)) {
      diary.fault("handler hangs");
      await sleep(process.clock, plan.handlerMsMax * uniform(random, 0.9, 2));
    }
    await sleep(process.clock, uniform(random, 0, random() < 0.2 ? plan.workMsMax : 20));
  };
  const fail = (share: number, error: () => Error): void => {
    if (unlucky(share)) throw error();
  };
  await work();
  if (isDeclined(order)) return { status: 402, headers: [], body: new TextEncoder().encode(`declined ${order}`) };
  fail(0.05, () => new NoEffectError("The service has not begun."));
  fail(0.03, () => new Error("The handler broke before its effect."));
  const request = { scope, key, order };
  let charge: Charge;
  if (transaction !== undefined) {
    charge = { ...request, number: effects.nextNumber() };
    (transaction as SimulatedTransaction).charges.push(charge);
  } else if (plan.mode === "rerun-keyed") {
    charge = await execution.step.keyed("charge", (downstreamKey) =>
      effects.charge(run, { ...request, downstreamKey }),
    );
  } else {
    charge = await effects.charge(run, plan.mode === "hold" ? request : { ...request, fence });
  }
  await work();
  fail(0.03, () => new Error("The handler broke after its effect."));
  return { status: 201, headers: [], body: new TextEncoder().encode(textOf(charge)) };
}

/** Whether an order is one that the handler always declines. */
export function isDeclined(order: string): boolean {
  return order.endsWith("7");
}

function textOf({ scope, order, number }: Charge): string {
  return `charge ${number}: order ${order} of ${scope}`;
}
