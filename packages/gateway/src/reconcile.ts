import type { Execution } from "once-again/engine";
import type { Reconcile } from "once-again/internal";
import { askUpstream } from "./ask-upstream.ts";
import type { UnknownPolicy } from "./gateway-options.ts";
import type { KeyedCall } from "./keyed-call.ts";
import { type PathVariables, withoutQuery } from "./path-pattern.ts";
import type { RoutePlaces } from "./places.ts";
import { accountOwner } from "./shares.ts";
import type { Upstream } from "./upstream.ts";

/** How a route asks the upstream what became of an operation. */
export type ReconcilePolicy = Extract<UnknownPolicy, { policy: "reconcile" }>;

/** How a service is asked. */
export interface ReconcileAsking {
  readonly upstream: Upstream;
  /** The largest answer that is read, bytes. */
  readonly bytesMax: number;
  readonly places: RoutePlaces | undefined;
}

/** Headers of the operation that a question about it does not have: those of its body and of its key. */
const ofOperation = /^(?:content-|idempotency-|if-|range$)/i;

/**
 * Looks an operation up: a GET that answers by its status, sent as the caller of the repeat, so that the upstream
 * shows only what that caller may see. It throws where the question would go to another service than the operation.
 */
export function reconcileByGet(
  policy: ReconcilePolicy,
  { upstream, bytesMax, places }: ReconcileAsking,
): Reconcile<KeyedCall> {
  const { url, foundStatuses = [200], absentStatuses = [404] } = policy;
  return async ({ key = "", scope, signal }: Execution, { forwarded, variables }) => {
    const target = fillTemplate(url, { ...variables, key, scope });
    if (target === undefined) return "unknown";
    if (!upstream.isOneService(forwarded.target, target)) {
      // Another service does not know the operation, and would say that it never happened.
      const path = withoutQuery(forwarded.target);
      throw new Error(`reconcile: "${url}" is a path of another service than ${path}. See upstreams.`);
    }
    const { headers } = forwarded;
    const asked = headers.filter((_, at) => !ofOperation.test(headers[at - (at % 2)] ?? ""));
    const place = { owner: accountOwner(scope), isKeyed: true, route: places };
    const question = { method: "GET", target, headers: asked, body: null };
    const answer = await askUpstream(upstream, question, { bytesMax, signal, place });
    if (answer.kind !== "whole") return "unknown";
    const { status, headers: found, body } = answer.response;
    if (foundStatuses.includes(status)) return { found: { status, headers: groupHeaders(found), body } };
    return absentStatuses.includes(status) ? { absent: "quiesced" } : "unknown";
  };
}

/**
 * Fills the names of a URL in; undefined where that makes a dot segment, as of the key `..`: no encoding hides one from
 * every server, and the question would be about another path.
 */
export function fillTemplate(template: string, variables: PathVariables): string | undefined {
  const filled = template.replaceAll(/\{([^{}]+)\}/g, (_, name: string) => encodeURIComponent(variables[name] ?? ""));
  const path = withoutQuery(filled);
  return path.split("/").some((segment) => segment === "." || segment === "..") ? undefined : filled;
}

function groupHeaders(headers: readonly (readonly [string, string])[]): Record<string, string[]> {
  const groups: Record<string, string[]> = {};
  for (const [name, value] of headers) (groups[name.toLowerCase()] ??= []).push(value);
  return groups;
}
