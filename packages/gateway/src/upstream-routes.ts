import type { GatewayLimits } from "./gateway-limits.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { normalPath, pathPattern } from "./path-pattern.ts";
import { openUpstream, type Upstream } from "./upstream.ts";

/**
 * The services behind a gateway, as one: a request goes to that of the first path that matches, or to the gateway's own. A
 * path is rewritten here, last of all: keys, scopes and the access log know the path that the caller has sent, so that one
 * key at two services is two operations.
 */
export function openUpstreams(
  { upstream: origin, upstreams = [], tracing }: Pick<GatewayOptions, "upstream" | "upstreams" | "tracing">,
  limits: GatewayLimits,
  onUnaskedBytes: (service: string) => void,
): Upstream {
  const open = (url: URL): Upstream => {
    const upstream = openUpstream(url, limits, onUnaskedBytes);
    return tracing?.traceUpstream(upstream, url) ?? upstream;
  };
  const fallback = open(origin);
  if (upstreams.length === 0) return fallback;
  const choices = upstreams.map(({ path, upstream, strip }) => ({
    matches: pathPattern(path),
    upstream: open(upstream),
    stripCount: segmentCount(strip ?? ""),
  }));
  const choiceOf = (target: string): (typeof choices)[number] | undefined => {
    if (!target.startsWith("/")) return undefined;
    const path = normalPath(target);
    return choices.find(({ matches }) => matches(path) !== undefined);
  };
  const choose = <Request extends { readonly target: string }>(request: Request): [Upstream, Request] => {
    const choice = choiceOf(request.target);
    if (choice === undefined) return [fallback, request];
    return [choice.upstream, { ...request, target: withoutSegments(request.target, choice.stripCount) }];
  };
  const all = [fallback, ...choices.map(({ upstream }) => upstream)];
  return {
    places: (target) => (choiceOf(target)?.upstream ?? fallback).places(target),
    absence: (target) => (choiceOf(target)?.upstream ?? fallback).absence(target),
    services: all.flatMap(({ services }) => services),
    dispatch(request, handler) {
      const [upstream, rewritten] = choose(request);
      upstream.dispatch(rewritten, handler);
    },
    request(request) {
      const [upstream, rewritten] = choose(request);
      return upstream.request(rewritten);
    },
    isOneService: (target, other) => choiceOf(target) === choiceOf(other),
    cut: () => all.forEach((one) => one.cut()),
    async close() {
      await Promise.all(all.map((one) => one.close()));
    },
  };
}

/** Whether `strip` is the beginning of a path, in whole segments without a name. */
export function isBeginningOf(strip: string, path: string): boolean {
  const [own, all] = [strip, path].map((one) =>
    one
      .toLowerCase()
      .split("/")
      .filter((segment) => segment !== ""),
  );
  return own!.length > 0 && own!.every((segment, at) => segment === all![at] && !/[{}*]/.test(segment));
}

const segmentCount = (path: string): number => path.split("/").filter((segment) => segment !== "").length;

/**
 * A target without its first segments. The path matched in its normal form, so these are the segments that were to go, however
 * many slashes or dot segments are between them.
 */
function withoutSegments(target: string, count: number): string {
  if (count === 0) return target;
  const queryStart = target.indexOf("?");
  const query = queryStart < 0 ? "" : target.slice(queryStart);
  const raw = queryStart < 0 ? target : target.slice(0, queryStart);
  const hasDots = raw.split("/").some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment));
  const path = hasDots ? normalPath(raw) : raw;
  let rest = path;
  for (let left = count; left > 0; left -= 1) rest = rest.replace(/^\/*[^/]+/, "");
  return `/${rest.replace(/^\/+/, "")}${query}`;
}
