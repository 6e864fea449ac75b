import type { HealthDocument, RoutesDocument } from "@once-again/gateway";
import type { SampleEvent } from "../sample-watch.ts";

/** The counts of a route since its gateway started, of all workers together. */
export interface RouteCounts {
  readonly requests: number;
  /** Requests that the service behind did not answer whole. */
  readonly failures: number;
  /** How operations ended, by the name of the event. */
  readonly events: Readonly<Record<string, number>>;
}

/** A gateway at one time. */
export type GatewaySample = { readonly url: string } & (
  | (HealthDocument &
      RoutesDocument & {
        /** By the path of the route; what passes through is under "pass-through". */
        readonly counts: Readonly<Record<string, RouteCounts>>;
      })
  | { readonly problem: string }
);

/** All of them. `at` is milliseconds since the epoch, by this machine's clock. */
export interface GatewaysSample {
  readonly at: number;
  readonly gateways: readonly GatewaySample[];
}

/** `GET watch`: the history is that of a minute. */
export type GatewaysEvent = SampleEvent<GatewaysSample>;
