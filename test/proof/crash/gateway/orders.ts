/** The orders of a caller, and the service's answers: shared by the processes of a run. */

/** By the policy of its route for unknown outcomes. */
export const policies = ["hold", "forward-key", "reconcile"] as const;
export type Policy = (typeof policies)[number];

/** A line of the service's ledger: one effect. */
export interface Effect {
  readonly key: string;
  readonly effect: string;
}

export const account = { name: "x-account", value: "acme" };

/**
 * The host that callers name, whichever gateway they reach: with a host of each gateway, the same key would be another
 * operation there, and no gateway would meet the keys of the other one.
 */
export const shopHost = "shop.example";

/** Where the orders of a route go, and where one of them is found again. */
export const pathOf = (policy: Policy): string => `/${policy}/orders`;
export const lookupPath = "/effects/";

/** The answer to an order: a repeat that has another effect has another answer. */
export const answerOf = ({ key, effect }: Effect): string => JSON.stringify({ key, effect, note: "n".repeat(200) });

/** Where a service dies, one place after the other; in the head and in the body at any byte. */
export const deathPlaces = ["before the effect", "after the effect", "in the head", "in the body"] as const;
export type DeathPlace = (typeof deathPlaces)[number];

/** The task of the service. */
export interface ServiceTask {
  readonly life: string;
  readonly port: number;
  /** Its effects. */
  readonly ledger: string;
  /** Where and when it died. */
  readonly deaths: string;
  readonly seed: number;
  /** How many orders it lives for, in the mean. */
  readonly ordersPerLife: number;
}

/** The task of a gateway. */
export interface GatewayTask {
  readonly life: string;
  readonly port: number;
  readonly upstream: string;
  readonly store: string;
}
