import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { acceptRequest } from "./accept-request.ts";
import { forwardingRules, readArrival, requestHeaders } from "./forward-headers.ts";
import { answerPreflight } from "./answer-preflight.ts";
import { corsRules, isPreflight } from "./cors.ts";
import { checkLimits } from "./gateway-limits.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { plainProblem, sendResponse, useCors } from "./gateway-response.ts";
import { openRoutes } from "./gateway-routes.ts";
import { needsOwnConnection, passOnOwnConnection, type Upgrade } from "./own-connection.ts";
import { ownEndpoints } from "./own-endpoints.ts";
import { boundSilence, passThrough } from "./pass-through.ts";
import { recordRequest, type RequestNotes } from "./request-record.ts";
import { openUpstream } from "./upstream.ts";

/** What answers requests, by one set of options. */
export interface GatewayService {
  serve(request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): void;
  /** Whether a request is of a keyed route. */
  keys(request: IncomingMessage): boolean;
  /** Takes no new operations, and resolves when the running ones have ended and are stored. */
  close(): Promise<void>;
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`. */
export function openService(options: GatewayOptions, isDraining: () => boolean): GatewayService {
  const { onRequest, tracing } = options;
  const limits = checkLimits(options.limits);
  const plainUpstream = openUpstream(options.upstream, limits);
  const upstream = tracing?.traceUpstream(plainUpstream, options.upstream) ?? plainUpstream;
  const routes = openRoutes(options, limits, upstream);
  const own = options.servesAdmin ? ownEndpoints(options, isDraining) : undefined;
  const forwarding = forwardingRules(options);
  const cors = options.cors && corsRules(options.cors);
  const running = runningCount();
  const refused = new WeakSet<Socket>();
  return {
    serve(request, response, upgrade) {
      request.on("error", () => response.destroy());
      response.on("error", () => response.destroy());
      const notes: RequestNotes = {};
      if (onRequest !== undefined) recordRequest(request, response, notes, onRequest);
      running.add(response);
      if (cors !== undefined) useCors(response, cors);
      if (isDraining()) response.shouldKeepAlive = false;
      const accepted = acceptRequest(request);
      if ("refused" in accepted || refused.has(request.socket)) {
        // What follows on a connection that could be read in two ways is not believed.
        refused.add(request.socket);
        response.shouldKeepAlive = false;
        const { refused: status, detail } = "refused" in accepted ? accepted : followsRefusal;
        return sendResponse(response, plainProblem(status, detail));
      }
      const { target, host } = accepted;
      const answer = own?.answer(target);
      if (answer !== undefined) {
        notes.route = target;
        return void answer.then((whole) => sendResponse(response, whole));
      }
      const arrival = readArrival(request, host, forwarding);
      const headers = requestHeaders(request.rawHeaders, arrival, forwarding);
      const forwarded = { method: request.method ?? "GET", target, headers };
      boundSilence(request, response, limits.idleMs);
      const keyed = routes.find(request, target);
      if (keyed !== undefined) notes.route = keyed.route.path;
      const forward = (): void => {
        if (keyed !== undefined) {
          return void keyed.route.answer({ request, response, arrival, forwarded, notes, variables: keyed.variables });
        }
        const passage = { upstream, request, response, forwarded, notes };
        const keyHeader = cors && isPreflight(request) ? routes.keyHeader(request, target) : undefined;
        if (keyHeader !== undefined) return void answerPreflight(passage, keyHeader, limits.firstByteMs);
        if (upgrade !== undefined || needsOwnConnection(request)) passOnOwnConnection(passage, limits, upgrade);
        else passThrough(passage);
      };
      if (tracing === undefined) forward();
      else tracing.serve(request, response, notes, forward);
    },
    keys: (request) => routes.find(request, request.url ?? "") !== undefined,
    async close() {
      await running.none();
      await routes.close();
      await upstream.close();
    },
  };
}

const followsRefusal = { refused: 400, detail: "An earlier request on this connection was refused." } as const;

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
      response.once("close", () => {
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
