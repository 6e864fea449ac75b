import { memoryStore } from "once-again/stores/memory";
import { onTestFinished } from "vitest";
import type { GatewayOptions, GatewayRoute } from "../../packages/gateway/src/gateway-options.ts";
import { type Gateway, startGateway } from "../../packages/gateway/src/gateway.ts";

/** A rule for all that may have an effect. */
export const keyedRoute: GatewayRoute = {
  methods: ["POST", "PATCH"],
  path: "*",
  keyed: "required",
  onUnknown: { policy: "hold" },
};

/** Starts a gateway in front of a service; it ends with the test. */
export async function gatewayTo(upstream: string, options: Partial<GatewayOptions> = {}): Promise<Gateway> {
  const gateway = await startGateway({
    upstream: new URL(upstream),
    store: memoryStore(),
    routes: [],
    scope: async ({ headers }) => ({ scope: headers["x-account"]?.[0] ?? "all" }),
    onError: () => undefined,
    servesAdmin: true,
    ...options,
  });
  onTestFinished(() => gateway.close());
  return gateway;
}

/** The same by either version of HTTP, with a keyed route at /orders. What runs when the test ends is cut off. */
export async function http2GatewayTo(upstream: string, options: Partial<GatewayOptions> = {}): Promise<Gateway> {
  const gateway = await startGateway(
    {
      upstream: new URL(upstream),
      store: memoryStore(),
      routes: [{ ...keyedRoute, path: "/orders" }],
      scope: async ({ headers }) => ({ scope: headers["x-account"]?.[0] ?? "all" }),
      callerHeaders: ["x-account"],
      onError: () => undefined,
      servesAdmin: true,
      ...options,
    },
    { http2: true },
  );
  onTestFinished(() => gateway.close(0));
  return gateway;
}
