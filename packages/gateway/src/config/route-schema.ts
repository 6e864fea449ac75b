import type { z } from "zod";
import { formatDuration } from "once-again/internal/command";
import type { GatewayRoute, UnknownPolicy } from "../gateway-options.ts";
import { pathPattern } from "../path-pattern.ts";
import type { ScopeRule } from "../scope/scope-rule.ts";
import {
  dependent,
  duration,
  headerName,
  list,
  oneOf,
  readNumber,
  settings,
  size,
  text,
  value,
  wholeNumber,
} from "./values.ts";

/** A route as a configuration has it: its scope is a rule yet. */
export interface RouteRule extends Omit<GatewayRoute, "scope"> {
  readonly scope?: ScopeRule | undefined;
}

/** The rules of a route, without which requests it is for. */
export type KeyedRule = Omit<RouteRule, "methods" | "path">;

const dayMs = 86_400_000;

const methods = list(
  "methods such as POST",
  value("a method such as POST", (given) =>
    typeof given === "string" && /^[A-Za-z]+$/.test(given) ? given.toUpperCase() : undefined,
  ),
);

export const pathTemplate = value('a path such as /orders, /orders/{id} or /orders/*, or "*" for all', (given) =>
  typeof given === "string" && !/[?#\s]/.test(given) && isPattern(given) ? given : undefined,
);

function isPattern(template: string): boolean {
  try {
    pathPattern(template);
    return true;
  } catch {
    return false;
  }
}

const status = wholeNumber(200, 499);

const reconcile = settings("a mapping with reconcile", {
  reconcile: value("a path to GET below the upstream, such as /orders/by-key/{key}", (given) =>
    typeof given === "string" && /^\/[^#\s]*$/.test(given) ? given : undefined,
  ),
  found: list("statuses such as 200", status).optional(),
  absent: list("statuses such as 404", status).optional(),
  quiesce: duration("30s", { min: 1, max: dayMs }).optional(),
}).transform(({ reconcile: url, found, absent, quiesce }): UnknownPolicy => ({
  policy: "reconcile",
  url,
  foundStatuses: found,
  absentStatuses: absent,
  quiesceMs: quiesce,
}));

const policy = value<UnknownPolicy>('"hold", "forward-key", or a mapping with reconcile', (given) =>
  given === "hold" || given === "forward-key" ? { policy: given } : undefined,
);

const onUnknown = dependent<UnknownPolicy>((given) =>
  typeof given === "object" && given !== null ? reconcile : policy,
);

/** The settings of a route that say how it keeps its promise. */
const ruleShape = (scope: z.ZodType<ScopeRule>) => ({
  key: oneOf("required", "optional", "none").optional(),
  onUnknown: onUnknown.optional(),
  retention: duration("24h", { min: 101, max: 36_525 * dayMs }).optional(),
  heldRetention: duration("30d", { min: 101, max: 36_525 * dayMs }).optional(),
  lease: duration("30s", { min: 100, max: dayMs }).optional(),
  wait: duration("5s", { min: 0, max: dayMs }).optional(),
  keyHeader: headerName.optional(),
  expiredKeys: oneOf("refuse", "run").optional(),
  noEffectStatuses: list(
    "statuses from 400 to 499",
    value("a status from 400 to 499, not 408", (given) => {
      const code = readNumber(given);
      return code !== undefined && code >= 400 && code <= 499 && code !== 408 ? code : undefined;
    }),
  ).optional(),
  reusedStatus: oneOf(409, 422).optional(),
  retryAfter: duration("1s", { min: 1000, max: dayMs }).optional(),
  quota: settings("a mapping with keys and per", {
    keys: wholeNumber(1, 1_000_000_000),
    per: duration("1m", { min: 1, max: dayMs }),
  }).optional(),
  problemBase: text("what the type of a problem begins with").optional(),
  scope: scope.optional(),
  limits: settings("a mapping of limits", {
    body: size(0).optional(),
    result: size(1024).optional(),
    firstByte: duration("60s", { min: 1, max: dayMs }).optional(),
    idle: duration("60s", { min: 1, max: dayMs }).optional(),
    total: duration("5m", { min: 1, max: dayMs }).optional(),
    callerRate: wholeNumber(0, 1_000_000_000).optional(),
    connections: wholeNumber(1, 65_535).optional(),
  }).optional(),
});

type Rules = z.output<z.ZodObject<ReturnType<typeof ruleShape>>>;

function ruleOf(rules: Rules, keyed: KeyedRule["keyed"]): KeyedRule {
  const { key, onUnknown: unknown, retention, heldRetention, lease, wait, retryAfter, quota, limits, ...same } = rules;
  return {
    ...same,
    keyed: key === undefined ? keyed : key !== "none" && key,
    onUnknown: unknown ?? { policy: "hold" },
    retentionMs: retention,
    heldRetentionMs: heldRetention,
    leaseMs: lease,
    waitMs: wait,
    retryAfterSeconds: retryAfter && Math.ceil(retryAfter / 1000),
    quota: quota && { keysMax: quota.keys, perMs: quota.per },
    limits: limits && {
      bodyBytesMax: limits.body,
      resultBytesMax: limits.result,
      firstByteMs: limits.firstByte,
      idleMs: limits.idle,
      totalMs: limits.total,
      callerRateMin: limits.callerRate,
      connectionsMax: limits.connections,
    },
  };
}

/** The lease where none is set, milliseconds. */
const leaseMsDefault = 30_000;

/** Checks the settings of a route against each other. */
function checkRule(
  { retentionMs, heldRetentionMs, leaseMs = leaseMsDefault, onUnknown: unknown }: KeyedRule,
  template: string,
): z.core.$ZodRawIssue[] {
  const issues: z.core.$ZodRawIssue[] = [];
  for (const [name, ms] of [
    ["retention", retentionMs],
    ["heldRetention", heldRetentionMs],
  ] as const) {
    if (ms === undefined || ms > leaseMs) continue;
    const message = `longer than its lease, which is ${formatDuration(leaseMs)}`;
    issues.push({ code: "custom", path: [name], message, input: formatDuration(ms) });
  }
  const names = ["key", "scope", ...namesIn(template)];
  if (unknown.policy === "reconcile" && !namesIn(unknown.url).every((name) => names.includes(name))) {
    const message = `a path with no other names than {${names.join("}, {")}}`;
    issues.push({ code: "custom", path: ["onUnknown", "reconcile"], message, input: unknown.url });
  }
  return issues;
}

const namesIn = (template: string): string[] => [...template.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name!);

/** A route of a configuration file. */
export const routeSchema = (scope: z.ZodType<ScopeRule>): z.ZodType<RouteRule> =>
  settings("a mapping with path", { path: pathTemplate, methods: methods.optional(), ...ruleShape(scope) }).transform(
    ({ path: template, methods: names, ...rules }, context): RouteRule => {
      const rule = ruleOf(rules, "required");
      context.issues.push(...checkRule(rule, template));
      return { path: template, methods: names ?? ["POST", "PATCH"], ...rule };
    },
  );

/** `x-once-again` of an operation: its rules, or `false` where it takes no key whatever its parameters say. */
export function operationSchema(
  scope: z.ZodType<ScopeRule>,
  keyed: KeyedRule["keyed"],
  template: string,
): z.ZodType<KeyedRule> {
  const passes = value<KeyedRule>("false", () => ({ keyed: false, onUnknown: { policy: "hold" } }));
  const rule = settings("a mapping, or false", ruleShape(scope)).transform((rules, context) => {
    const read = ruleOf(rules, keyed === false ? "required" : keyed);
    context.issues.push(...checkRule(read, template));
    return read;
  });
  return dependent((given) => (given === false ? passes : rule));
}
