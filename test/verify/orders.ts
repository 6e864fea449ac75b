import { setTimeout } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { type HeaderList, type ProfileName, verify, type VerifyReport } from "../../packages/tools/src/verify/index.ts";
import type { Framework } from "../frameworks/framework.ts";
import type { Call, Reply, Route, RouteRules } from "../frameworks/route.ts";
import { startHttpServer } from "../support/http-server.ts";

/** A way of keeping the promise: its rules, where an order goes, and how many there are. */
export interface OrdersGround {
  rules: RouteRules;
  insert(call: Call): void | Promise<unknown>;
  count(): number | Promise<number>;
}

/** Orders that are not stored: a leased route may have its effect anywhere. */
export function ordersInMemory(): Pick<OrdersGround, "insert" | "count"> {
  let orders = 0;
  return { insert: () => void (orders += 1), count: () => orders };
}

/** An orders API that refuses bad bodies, and fails after its effect at a body that says so. */
function ordersRoute({ rules, insert }: OrdersGround, workMs: number): Route {
  let last = 0;
  return {
    rules: { ...rules, onError: () => undefined },
    // The account, whatever token it has at the moment.
    scope: (authorization) => authorization.split(" ")[0]!,
    async handle(call): Promise<Reply> {
      const { execution, body } = call;
      // A GET passes through, and may not write.
      if (body === "") return { status: 200, body: "orders" };
      let order: { fail?: boolean };
      try {
        order = JSON.parse(body) as typeof order;
      } catch {
        return { status: 400, headers: { "content-type": "text/plain" }, body: "no JSON" };
      }
      await setTimeout(workMs);
      await insert(call);
      if (order.fail) return { status: 500, headers: { "content-type": "text/plain" }, body: "failed" };
      const id = String((last += 1));
      return {
        status: 201,
        headers: {
          "content-type": "application/json",
          location: `/v1/orders/${id}`,
          etag: `"${id}"`,
          link: ["</a>; rel=a", "</b>; rel=b"],
          "x-order": id,
          "set-cookie": `session=${id}`,
        },
        body: JSON.stringify({ id, key: execution.key, order }),
      };
    },
  };
}

const authorization = (name: string): HeaderList => [["Authorization", name]];

/** Serves orders by a framework on a ground, and tests what it does with keys, by the draft. */
export async function verified(
  framework: Framework,
  ground: OrdersGround,
  options: { workMs: number; only?: readonly string[]; profile?: ProfileName },
): Promise<VerifyReport> {
  const { listener, close } = await framework.serve(ordersRoute(ground, options.workMs));
  onTestFinished(close);
  const origin = await startHttpServer(listener);
  return verify({
    url: `${origin}/v1/orders`,
    otherUrl: `${origin}/v2/orders`,
    body: '{"item":"tea","reference":"{{unique}}"}',
    failingBody: '{"fail":true}',
    headers: authorization("acme"),
    otherHeaders: authorization("other"),
    renewedHeaders: authorization("acme renewed"),
    longerHeaders: authorization("acme1"),
    effects: async () => ground.count(),
    strictness: "draft",
    pauseMs: 100,
    memory: 110,
    ...(options.only && { only: options.only }),
    ...(options.profile && { profile: options.profile }),
  });
}

/** The cases of these verdicts, and what was seen in them. */
export const casesOf = ({ cases }: VerifyReport, ...kinds: readonly string[]): string[] =>
  cases.filter(({ kind }) => kinds.includes(kind)).map(({ id, title, observed }) => `${id} ${title}: ${observed}`);

/** The cases that could not be asked, but for those that need duplicates that meet, which is a matter of chance, R16, which needs optional keys, and R18, which kills its server. */
export const unaskedOf = ({ cases }: VerifyReport): string[] =>
  cases
    .filter(({ kind, id }) => kind === "not-applicable" && !["C05", "C06", "R16", "R18"].includes(id))
    .map(({ id }) => id);
