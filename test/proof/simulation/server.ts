import { type Execution } from "../../../packages/once-again/src/engine/index.ts";
import { onceHttp } from "../../../packages/once-again/src/http/handle-request.ts";
import type { HttpResponse, HttpRequest, OnceHttp } from "../../../packages/once-again/src/http/index.ts";
import type { HttpHandler } from "../../../packages/once-again/src/http/response.ts";
import type { Ground } from "./ground.ts";
import { carryOutOrder, orderIn, promisedEffects, textOf } from "./handler.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import { watched } from "./time-out.ts";

/** The request that callers send. */
export interface OrderRequest {
  readonly scope: string;
  readonly key: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

export type Serve = (request: OrderRequest) => Promise<HttpResponse>;

const secret = new Uint8Array(16);

/** The real HTTP rules on the real engine, in a simulated process. Made anew at every start of the process. */
export function serverOn(ground: Ground, process: SimulatedProcess): Serve {
  const { scene, database } = ground;
  const { diary, plan } = scene;
  const options = {
    scope: (request: OrderRequest) => request.scope,
    clock: process.clock,
    random: scene.random,
    leaseMs: plan.leaseMs,
    waitMs: plan.waitMs,
    limits: { storeMsMax: 400, handlerMsMax: plan.handlerMsMax },
    steps: { secret },
    onError: () => undefined,
    onEvent: ({ type }: { type: string }) => {
      if (type === "lease-lost") diary.window("lease lost while it worked");
      if (type === "in-progress") diary.window("repeat came while it worked");
      if (type === "mismatch") diary.window("another request under the same key");
    },
  };
  if (plan.mode === "transactional") {
    const once = onceHttp({ ...options, mode: "transactional", store: database.storeOf(process) });
    return serving(ground, process, once);
  }
  const onUnknown = { hold: "hold", "rerun-keyed": "rerun", "reconcile-fenced": reconcile } as const;
  const once = onceHttp({ ...options, store: ground.storeOf(process), onUnknown: onUnknown[plan.mode] });
  return serving(ground, process, once);

  async function reconcile({ scope, key = "", fence }: Execution, { body }: OrderRequest) {
    const found = await ground.effects.look(process, { scope, key, fence });
    const isWhole = promisedEffects(orderIn(body)).every((name) => found.some((effect) => effect.name === name));
    const charge = found.find(({ name }) => name === "charge");
    return isWhole && charge ? { found: { status: 201, body: textOf(charge) } } : { absent: "fenced" as const };
  }
}

function serving<Transaction>(
  ground: Ground,
  process: SimulatedProcess,
  once: OnceHttp<OrderRequest, Transaction>,
): Serve {
  const { scene, executions } = ground;
  const handler: HttpHandler<Transaction> = async (execution, body) => {
    const { scope, key = "", transaction } = execution;
    const run = executions.begin({ scope, key, process, inTransaction: transaction !== undefined });
    const answer = carryOutOrder(ground, run, execution, orderIn(body));
    return watched(scene, process, "behind", answer).finally(() => (run.isAnswered = true));
  };
  return (request) => {
    const asked: HttpRequest<OrderRequest> = {
      native: request,
      method: "POST",
      path: "/orders",
      query: "",
      contentType: "text/plain",
      headerValues: () => [request.key],
      body: async () => request.body,
    };
    return watched(scene, process, "in front", once.answer(asked, handler));
  };
}
