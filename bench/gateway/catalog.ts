/** The measured rows, and the baselines that divide their figures. */

/** The proxy between the callers and the service. */
export type ProxyName = "none" | "nginx" | "nginx, again" | "bare" | "pass-through" | "SQLite" | "Redis";

export interface Row {
  readonly name: string;
  readonly proxy: ProxyName;
  /** Whether each request repeats a key that the proxy has the answer to. */
  readonly isReplay: boolean;
}

export const baseline = "nginx";
export const straight = "no proxy";
/** The baseline in a second process. */
export const again = "nginx, again";
export const bareProxy = "node:http and undici";

const row = (name: string, proxy: ProxyName, isReplay = false): Row => ({ name, proxy, isReplay });

export const rows: readonly Row[] = [
  row(straight, "none"),
  row(baseline, "nginx"),
  row(again, "nginx, again"),
  row(bareProxy, "bare"),
  row("gateway, pass-through", "pass-through"),
  row("gateway, new key, SQLite", "SQLite"),
  row("gateway, repeat, SQLite", "SQLite", true),
  row("gateway, new key, Redis", "Redis"),
  row("gateway, repeat, Redis", "Redis", true),
];

/** The goals of the design: a share of nginx's requests per second, and what is added to the service's own p50 at most. */
export interface Goal {
  readonly row: string;
  readonly ratioMin: number;
  readonly addedMsMax: number;
}

export const goals: readonly Goal[] = [
  { row: "gateway, pass-through", ratioMin: 0.4, addedMsMax: 0.5 },
  { row: "gateway, new key, SQLite", ratioMin: 0.25, addedMsMax: 0.5 },
  { row: "gateway, new key, Redis", ratioMin: 0.25, addedMsMax: 0.5 },
];

/** The packages that are measured on. */
export const packages = ["undici", "redis"] as const;
