import {
  type BackoffSettings,
  type BudgetSettings,
  type JitterName,
  type Outage,
  type PolicyOptions,
  type PresetName,
  presets,
  type StormOptions,
} from "../../../src/simulator/index.ts";

/** The choices of a person. Times are milliseconds unless the name says otherwise. */
export interface StormForm {
  readonly preset: PresetName;
  /** Callers at once, or calls per second, as the preset has it. */
  readonly load: number;
  /** Requests per second that the last service can bear. */
  readonly capacity: number;
  readonly outageSeconds: number;
  readonly outageKind: NonNullable<Outage["kind"]>;
  readonly seed: number;
  /** Whether `own` is compared with the preset's policies. */
  readonly hasOwn: boolean;
  readonly attemptsMax: number;
  readonly attemptTimeoutMs: number;
  readonly backoff: "exponential" | "constant" | "linear" | "fibonacci" | "decorrelated";
  readonly baseMs: number;
  readonly capMs: number;
  readonly jitter: JitterName;
  readonly budget: BudgetSettings["kind"];
}

export const presetNames = Object.keys(presets) as readonly PresetName[];

/** The preset as it is, with a policy of one's own that is off. */
export function formOf(preset: PresetName): StormForm {
  const [storm] = presets[preset].storms as readonly [StormOptions];
  const { attemptsMax = 5, attemptTimeoutMs = 1000 } = storm.policy ?? {};
  const [outage] = storm.outages ?? [];
  const { fromMs = 0, toMs = 0, kind = "refuse" } = outage ?? {};
  return {
    preset,
    load: storm.arrivals?.kind === "poisson" ? storm.arrivals.perSecond : (storm.arrivals?.callers ?? 1000),
    capacity: capacityOf(storm),
    outageSeconds: (toMs - fromMs) / 1000,
    outageKind: kind,
    seed: storm.seed ?? 1,
    hasOwn: false,
    attemptsMax,
    attemptTimeoutMs,
    backoff: "exponential",
    baseMs: 1000,
    capMs: 30_000,
    jitter: "equal",
    budget: "success",
  };
}

/** Whether the preset's own policies meet the preset's own world. */
export function isPresetWorld(form: StormForm): boolean {
  const given = formOf(form.preset);
  return (["load", "capacity", "outageSeconds", "outageKind", "seed"] as const).every(
    (name) => form[name] === given[name],
  );
}

/** Whether the preset's callers come as calls per second. */
export const isFlow = ({ preset }: StormForm): boolean => presets[preset].storms[0]?.arrivals?.kind === "poisson";

/** The policy to take: one's own, or else the one that the preset recommends. */
export const suggestedPolicy = ({ hasOwn, preset }: StormForm): string =>
  hasOwn ? ownName : presets[preset].recommended;

/** Storms of the form: the preset's policies in the world that was chosen, and one's own beside them. */
export function stormsOf(form: StormForm): readonly StormOptions[] {
  const changed = presets[form.preset].storms.map((storm) => inWorld(storm, form));
  const [first] = changed as [StormOptions];
  return form.hasOwn ? [...changed, { ...first, policy: ownPolicy(form) }] : changed;
}

function inWorld(storm: StormOptions, form: StormForm): StormOptions {
  const { capacity, load, outageKind, outageSeconds, seed } = form;
  const { arrivals = { kind: "at-once", callers: load } as const, services = [{}], outages = [] } = storm;
  const last = services.at(-1)!;
  const fromMs = outages[0]?.fromMs ?? 0;
  return {
    ...storm,
    seed,
    arrivals: arrivals.kind === "poisson" ? { ...arrivals, perSecond: load } : { ...arrivals, callers: load },
    services: [...services.slice(0, -1), { ...last, serviceMs: ((last.workers ?? 1) * 1000) / capacity }],
    outages: outageSeconds === 0 ? [] : [{ fromMs, toMs: fromMs + outageSeconds * 1000, kind: outageKind }],
  };
}

const ownName = "yours";

function ownPolicy(form: StormForm): PolicyOptions {
  const { attemptsMax, attemptTimeoutMs, budget } = form;
  return { name: ownName, attemptsMax, attemptTimeoutMs, backoff: ownBackoff(form), budget: { kind: budget } };
}

function ownBackoff({ backoff, baseMs, capMs, jitter }: StormForm): BackoffSettings {
  if (backoff === "constant") return { kind: backoff, delayMs: baseMs, jitter };
  if (backoff === "decorrelated") return { kind: backoff, baseMs, capMs };
  return { kind: backoff, baseMs, capMs, jitter };
}

function capacityOf({ services = [{}] }: StormOptions): number {
  const { workers = 1, serviceMs = 10 } = services.at(-1) ?? {};
  return Math.round((workers * 1000) / serviceMs);
}
