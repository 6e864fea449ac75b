import { useEffect } from "preact/hooks";
import type { GatewaySample } from "../../../src/console/gateways/gateways-protocol.ts";
import { Problem } from "../ui/problem.tsx";
import { Fact } from "../ui/tiles.tsx";
import { follow, latest, streamProblem } from "./gateways-state.ts";
import { RefusalCodes } from "./refusal-codes.tsx";
import { RouteTable } from "./route-table.tsx";
import "../ui/records.css";

/** The gateways: their routes, and how the requests of each end. */
export function GatewaysPage() {
  useEffect(follow, []);
  return (
    <>
      <h1>Gateways</h1>
      <p class="lead">
        A gateway lets each key reach the service once. When the service broke off in the middle, the outcome is
        unknown: the key is <em>held</em> until a person settles it, unless the route can find out.
      </p>
      {streamProblem.value !== undefined && <Problem text={streamProblem.value} />}
      {latest.value === undefined && <div class="card empty">Asking the gateways…</div>}
      {latest.value?.gateways.map((gateway) => (
        <Gateway key={gateway.url} gateway={gateway} />
      ))}
    </>
  );
}

function Gateway({ gateway }: { gateway: GatewaySample }) {
  const { url } = gateway;
  if ("problem" in gateway) {
    return (
      <section class="gateway" aria-label={url}>
        <h2 class="mono">{url}</h2>
        <div class="health">
          <Health name="Gateway" good={false} text="is away" hint={gateway.problem} />
        </div>
      </section>
    );
  }
  const { status, store, counts } = gateway;
  const failures = Object.values(counts).reduce((sum, route) => sum + route.failures, 0);
  return (
    <section class="gateway" aria-label={url}>
      <h2 class="mono">{url}</h2>
      <div class="health">
        <Health
          name="Gateway"
          good={status === "up"}
          text={status === "up" ? "serves" : "ends"}
          hint={status === "up" ? "" : "it takes no new connections"}
        />
        <Health
          name="Its store"
          good={store.isHealthy}
          text={store.isHealthy ? "is well" : "is not well"}
          hint={store.problems.join(" ")}
        />
        <Fact name="Broken off" value={String(failures)} hint="the service did not answer whole" />
      </div>
      <RouteTable gateway={gateway} />
      <RefusalCodes counts={counts} />
    </section>
  );
}

function Health({ name, good, text, hint }: { name: string; good: boolean; text: string; hint: string }) {
  return (
    <div class="card tile" role="status">
      <span class="quiet">{name}</span>
      <strong class={good ? "good" : "bad"}>
        {good ? "✓" : "✕"} {text}
      </strong>
      <span class="quiet">{hint}</span>
    </div>
  );
}
