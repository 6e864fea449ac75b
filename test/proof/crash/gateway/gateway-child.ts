/** A gateway in a separate process, with a route for each policy; it says when it listens. */
import process from "node:process";
import { serverStoreFromUrl } from "../../../../packages/once-again/src/command/store-from-url.ts";
import { startGateway } from "../../../../packages/gateway/src/gateway.ts";
import type { GatewayRoute, UnknownPolicy } from "../../../../packages/gateway/src/gateway-options.ts";
import { headerScope } from "../../../../packages/gateway/src/scope/header-scope.ts";
import { account, type GatewayTask, lookupPath, pathOf, type Policy } from "./orders.ts";

/** Short: an owner that died is noticed soon. */
const leaseMs = 500;

const { port, upstream, store } = JSON.parse(process.argv[2]!) as GatewayTask;

const onUnknown: Readonly<Record<Policy, UnknownPolicy>> = {
  hold: { policy: "hold" },
  "forward-key": { policy: "forward-key" },
  reconcile: { policy: "reconcile", url: `${lookupPath}{key}`, quiesceMs: 500 },
};

const routes = (Object.keys(onUnknown) as Policy[]).map((policy): GatewayRoute => {
  return {
    methods: ["POST"],
    path: pathOf(policy),
    keyed: "required",
    onUnknown: onUnknown[policy],
    leaseMs,
    retentionMs: 86_400_000,
  };
});

await startGateway(
  {
    upstream: new URL(upstream),
    store: await serverStoreFromUrl(store),
    routes,
    scope: headerScope({ by: "header", name: account.name }),
    onError: () => undefined,
  },
  { port, http2: true },
);
process.send?.("ready");
