import { setTimeout as sleep } from "node:timers/promises";
import { Patience } from "../patience.ts";
import { NotApplicable } from "../verdict.ts";
import type { Connect, McpConnection } from "./mcp-connection.ts";
import { makeCalls, type McpCalls } from "./mcp-calls.ts";
import type { McpResponse } from "./mcp-messages.ts";
import type { McpTarget } from "./mcp-options.ts";
import { makeSender, type McpSender } from "./mcp-sender.ts";
import { isDone, resultOf, textOf } from "./replies.ts";

/** Responses, and how many effects their calls had. */
export interface McpTally {
  readonly responses: readonly McpResponse[];
  readonly effects: number;
}

/** The actions of a case on an MCP server. */
export interface McpProbe extends McpCalls, McpSender {
  readonly target: McpTarget;
  notify(method: string, params: object): Promise<void>;
  /** How many effects there were meanwhile: counted, or guessed from the results. */
  tally(run: () => Promise<readonly McpResponse[]>): Promise<McpTally>;
  /** As `tally`, where a guess is worth nothing, since answers get lost. @throws NotApplicable without `countTool` */
  count(run: () => Promise<readonly McpResponse[]>): Promise<McpTally>;
  pause(ms: number): Promise<void>;
  /** Waits for late effects of calls that were given up, so that they are not seen in the next case. */
  untilQuiet(): Promise<void>;
}

/** Time for an effect after its caller has gone, besides that of a call, milliseconds. */
const lateEffectMs = 200;

/**
 * @param connect opens connections that are closed when the case is over.
 * @param callMs how long a call of the tool takes, milliseconds.
 * @param patience is shared by all cases.
 */
export function makeMcpProbe(
  target: McpTarget,
  first: McpConnection,
  connect: Connect,
  callMs: number,
  patience = new Patience(target.timeoutMs, callMs),
): McpProbe {
  const quietMs = lateEffectMs + callMs;
  const counter = makeCounter(target, first);
  return {
    target,
    ...makeCalls(target),
    ...makeSender(target, first, connect, patience),
    notify: (method, params) => first.notify(method, params),
    tally: (run) => (target.countTool === undefined ? guess(run) : counter(run, 0)),
    count(run) {
      if (target.countTool === undefined) throw new NotApplicable("needs a tool that counts the effects");
      return counter(run, quietMs);
    },
    pause: (ms) => sleep(ms, undefined, { signal: target.signal }),
    untilQuiet: () => sleep(quietMs, undefined, { signal: target.signal }),
  };
}

type Run = () => Promise<readonly McpResponse[]>;

/** Counts the effects during a run, and some time after it. */
function makeCounter(target: McpTarget, first: McpConnection): (run: Run, waitMs: number) => Promise<McpTally> {
  const read = async (): Promise<number> => {
    const { result } = await first.send("tools/call", { name: target.countTool, arguments: {} }).reply;
    const count = Number(/\d+/.exec(textOf({ result: result ?? {} }))?.[0]);
    if (Number.isNaN(count)) throw new NotApplicable(`${target.countTool} does not answer with a number`);
    return count;
  };
  return async (run, waitMs) => {
    const before = await read();
    const responses = await run();
    await sleep(waitMs);
    return { responses, effects: (await read()) - before };
  };
}

async function guess(run: Run): Promise<McpTally> {
  const responses = await run();
  const replies = responses.flatMap((response) => ("reply" in response ? response.reply : []));
  return { responses, effects: new Set(replies.filter(isDone).map(resultOf)).size };
}
