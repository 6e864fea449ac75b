import type { IncomingMessage, ServerResponse } from "node:http";
import { logError } from "once-again/internal";
import { acceptRequest } from "./accept-request.ts";
import { answerPreflight } from "./answer-preflight.ts";
import { containErrors } from "./contain-errors.ts";
import { type CorsRules, corsRules, isPreflight } from "./cors.ts";
import { type ForwardingRules, forwardingRules, readArrival, requestHeaders } from "./forward-headers.ts";
import { checkLimits, type GatewayLimits } from "./gateway-limits.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { plainProblem, sendResponse, useCors, withoutHeader } from "./gateway-response.ts";
import { openRoutes } from "./gateway-routes.ts";
import type { KeyedRoute } from "./keyed-route.ts";
import { announcesTrailers, needsOwnConnection, passOnOwnConnection, type Upgrade } from "./raw-connection.ts";
import { type AdminEndpoints, adminEndpoints } from "./admin-endpoints.ts";
import { boundSilence, hasBody, passThrough } from "./pass-through.ts";
import type { PlaceCounts } from "./places.ts";
import { RequestBody } from "./request-body.ts";
import { recordRequest, type RequestNotes } from "./request-record.ts";
import { addressOwner, Shares } from "./shares.ts";
import type { Upstream } from "./upstream.ts";
import { openUpstreams } from "./upstream-routes.ts";
import { whenClosed } from "./when-closed.ts";

/** Serves requests by one set of options. */
export interface GatewayService {
  readonly limits: GatewayLimits;
  /** How full the services behind are, now. */
  placeCounts(): readonly PlaceCounts[];
  /** Serves a request. It never throws: an error that no rule foresaw ends that request alone. */
  serve(request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): void;
  /** Whether a request is of a keyed route. */
  keys(request: IncomingMessage): boolean;
  /** Takes no new operations, and resolves when the running ones have ended and are stored. */
  close(): Promise<void>;
  /** Breaks off what is under way at the services behind: what becomes of it is stored as unknown. */
  cut(): void;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. */
export function openService(options: GatewayOptions, isDraining: () => boolean): GatewayService {
  const { onRequest, onError = logGatewayError, onUnaskedBytes, tracing, logFields = [] } = options;
  const limits = checkLimits(options.limits, options.store);
  const report = containErrors(() => undefined, onError);
  const upstream = openUpstreams(options, limits, (service) => {
    report(new Error(`${service} sent more than it was asked for. Each request to it has a separate connection now.`));
    if (onUnaskedBytes !== undefined) containErrors(report, onUnaskedBytes)(service);
  });
  const routes = openRoutes(options, limits, upstream);
  const placeCounts = (): PlaceCounts[] => upstream.services.map(({ places }) => places.counts);
  const own = options.servesAdmin ? adminEndpoints(options, isDraining, placeCounts) : undefined;
  const forwarding = forwardingRules(options);
  const cors = options.cors && corsRules(options.cors);
  const running = runningCount();
  const memory = new Shares(limits.bodiesBytesMax, limits.bodyBytesMax);
  const parts: ServiceParts = { routes, own, upstream, limits, tracing, forwarding, cors };
  return {
    limits,
    placeCounts,
    serve(request, response, upgrade) {
      const notes: RequestNotes = {};
      const fail = (error: unknown): void => {
        report(error);
        containErrors(
          () => response.destroy(),
          () => sendResponse(response, plainProblem(502, "The gateway can't serve this request.")),
        )();
      };
      containErrors(fail, () => {
        const end = (): void => void response.destroy();
        request.on("error", end);
        response.on("error", end);
        if (onRequest !== undefined)
          recordRequest(request, response, notes, logFields, containErrors(report, onRequest));
        running.add(response);
        if (cors !== undefined) useCors(response, cors);
        if (isDraining()) response.shouldKeepAlive = false;
        boundSilence(request, response, limits.idleMs);
        const body = hasBody(request) ? new RequestBody(request, memory) : undefined;
        if (body !== undefined) whenClosed(response, () => body.linger());
        serve(parts, { request, response, notes, body, fail, upgrade });
      })();
    },
    keys: (request) => routes.find(request, request.url ?? "").keyed !== undefined,
    async close() {
      await running.none();
      await routes.close();
      await upstream.close();
    },
    cut: () => upstream.cut(),
  };
}

const logGatewayError = (error: unknown): void => logError(error, { room: "gateway" });

/** A request that is served. */
interface ServedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly notes: RequestNotes;
  readonly body: RequestBody | undefined;
  readonly fail: (error: unknown) => void;
  readonly upgrade: Upgrade | undefined;
}

/** The parts that serve requests. */
interface ServiceParts extends Pick<GatewayOptions, "tracing"> {
  readonly routes: ReturnType<typeof openRoutes>;
  readonly own: AdminEndpoints | undefined;
  readonly upstream: Upstream;
  readonly limits: GatewayLimits;
  readonly forwarding: ForwardingRules;
  readonly cors: CorsRules | undefined;
}

function serve(
  { routes, own, upstream, limits, tracing, forwarding, cors }: ServiceParts,
  served: ServedRequest,
): void {
  const { request, response, notes, body, fail, upgrade } = served;
  const accepted = acceptRequest(request);
  if ("refused" in accepted) {
    // Bytes that follow a request that could be read in two ways are not trusted.
    response.shouldKeepAlive = false;
    return sendResponse(response, plainProblem(accepted.refused, accepted.detail));
  }
  const { target, host } = accepted;
  const answer = own?.answer(target);
  if (answer !== undefined) {
    notes.route = target;
    return void answer.then((whole) => sendResponse(response, whole)).catch(fail);
  }
  const arrival = readArrival(request, host, forwarding);
  const allHeaders = requestHeaders(request.rawHeaders, arrival, forwarding);
  // A body that is not chunked has no room for the trailers that a request announces.
  const hasRoom = request.headers.trailer === undefined || announcesTrailers(request);
  const headers = hasRoom ? allHeaders : withoutHeader(allHeaders, "trailer");
  const { inForce, keyed } = routes.find(request, target);
  const forwarded = { method: request.method ?? "GET", target, headers, waits: inForce.limits };
  body?.requireRate(inForce.limits.callerRateMin, inForce.limits.idleMs);
  if (inForce.limits.idleMs !== limits.idleMs) response.setTimeout(inForce.limits.idleMs);
  if (keyed !== undefined) notes.route = keyed.route.path;
  const forward = (): void => {
    if (keyed !== undefined) {
      const call = { request, response, body, arrival, forwarded, notes, variables: keyed.variables };
      return void answerKeyed(keyed.route, call, fail);
    }
    const place = { owner: addressOwner(arrival.callerAddress), isKeyed: false, route: inForce.places };
    const { names } = forwarding;
    const passage = { upstream, request, response, body, forwarded, place, inForce, names, notes, fail };
    const keyHeader = cors && isPreflight(request) ? routes.keyHeader(request, target) : undefined;
    if (keyHeader !== undefined)
      return void answerPreflight(passage, keyHeader, inForce.limits.firstByteMs).catch(fail);
    if (upgrade !== undefined || needsOwnConnection(request)) passOnOwnConnection(passage, upgrade);
    else passThrough(passage);
  };
  if (tracing === undefined) forward();
  else tracing.serve(request, response, notes, forward);
}

/** Answers a request of a keyed route, and gives back the memory of its body. */
async function answerKeyed(
  route: KeyedRoute,
  call: Parameters<KeyedRoute["answer"]>[0],
  fail: (error: unknown) => void,
): Promise<void> {
  try {
    await route.answer(call);
  } catch (error) {
    fail(error);
  } finally {
    call.body?.[Symbol.dispose]();
  }
}

/** Counts the responses that are under way. */
function runningCount(): { add(response: ServerResponse): void; none(): Promise<void> } {
  let count = 0;
  const none = Promise.withResolvers<void>();
  let isAwaited = false;
  const check = (): void => {
    if (isAwaited && count === 0) none.resolve();
  };
  return {
    add(response) {
      count += 1;
      whenClosed(response, () => {
        count -= 1;
        check();
      });
    },
    none() {
      isAwaited = true;
      check();
      return none.promise;
    },
  };
}
