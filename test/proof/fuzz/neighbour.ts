import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { waitMsMax } from "../../support/wait-ms-max.ts";

/** A caller that behaves well, and is to be served whatever its neighbours do. */
export interface Neighbour {
  /** The longest that it waited, milliseconds. */
  readonly longestMs: number;
  /** Responses that it did not get, or that were not its own. */
  readonly failures: readonly string[];
  readonly count: number;
  end(): Promise<void>;
}

/**
 * Asks a server again and again, and every other time with a key, until it is ended. A response that hangs counts as missing; how long the
 * server itself keeps others waiting is measured by the turns of its event loop.
 *
 * @param url it is asked for anew each time: a process that died has a successor at another one.
 */
export function startNeighbour(url: () => string): Neighbour {
  const state = { longestMs: 0, failures: [] as string[], count: 0 };
  const agent = new Agent({ keepAlive: false });
  const over = new AbortController();
  const ask = async (at: number): Promise<void> => {
    const startedAt = performance.now();
    const failure = await askOnce(url(), agent, at).catch((error: unknown) => String(error));
    const ms = performance.now() - startedAt;
    state.longestMs = Math.max(state.longestMs, ms);
    state.count += 1;
    if (failure !== undefined) state.failures.push(failure);
  };
  const asking = (async () => {
    for (let at = 0; !over.signal.aborted; at += 1) {
      await ask(at);
      await setTimeout(20);
    }
  })();
  return Object.assign(state, {
    async end() {
      over.abort();
      await asking;
      agent.destroy();
    },
  });
}

async function askOnce(url: string, agent: Agent, at: number): Promise<string | undefined> {
  const id = `neighbour-${at}`;
  const isKeyed = at % 2 === 0;
  const sent = request(`${url}/neighbour`, {
    agent,
    method: isKeyed ? "POST" : "GET",
    headers: { "x-account": "neighbour", "x-request": id, ...(isKeyed && { "idempotency-key": id }) },
    signal: AbortSignal.timeout(waitMsMax),
  });
  sent.end();
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  sent.on("error", reject);
  sent.on("response", (response) => {
    text(response).then((body) => {
      const isOwn = response.statusCode === (isKeyed ? 201 : 200) && response.headers["x-answer-to"] === id;
      // A service that closes a connection as the next request comes over it is named, whichever caller sent that: with 503 where
      // the request was not sent.
      const isUnsent = response.statusCode === 503 && body.includes("Nothing happened");
      const isNamed = response.statusCode === 502 || isUnsent || (isKeyed && response.statusCode === 409);
      resolve(isOwn || isNamed ? undefined : `${response.statusCode} to ${id}: ${body.slice(0, 200)}`);
    }, reject);
  });
  return promise;
}
