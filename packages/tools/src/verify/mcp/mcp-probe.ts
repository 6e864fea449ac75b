import { setTimeout as sleep } from "node:timers/promises";
import { NotApplicable } from "../verdict.ts";
import type { Connect, McpConnection, Reply } from "./mcp-connection.ts";
import { type McpTarget, uniqueMark } from "./mcp-options.ts";

/** A tool as its server lists it, as far as it is judged. */
export interface ListedTool {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema?: {
    readonly type?: string;
    readonly properties?: Readonly<Record<string, { description?: string }>>;
  };
  readonly annotations?: Readonly<Record<string, unknown>>;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** A call of the tool under test. `key`: as it stands, even if invalid; `undefined`: it has none. */
export interface TestCall {
  readonly args: Readonly<Record<string, unknown>>;
  readonly key: unknown;
  /** More for `_meta`. */
  readonly meta?: object;
}

/** Replies, and how many effects their calls had. */
export interface McpTally {
  readonly replies: readonly Reply[];
  readonly effects: number;
}

/** The actions of a case on an MCP server. */
export interface McpProbe {
  readonly target: McpTarget;
  readonly connection: McpConnection;
  /** Another connection, with these headers, or the first principal's. It is closed when the case is over. */
  connect: Connect;
  /** The tools that the server lists. */
  listTools(): Promise<readonly ListedTool[]>;
  /** A new call of the tool, with a new key. @throws NotApplicable without `tool` */
  newCall(): TestCall;
  /** The same call with other arguments that would succeed. @throws NotApplicable */
  withOtherArguments(call: TestCall): TestCall;
  /** A call that the tool refuses with `isError`. @throws NotApplicable */
  refusedCall(): TestCall;
  /** The parameters of `tools/call`. */
  paramsOf(call: TestCall): object;
  /** One after the other, over the first connection. @throws NoResponse */
  call(...calls: readonly TestCall[]): Promise<readonly Reply[]>;
  /** Again and again, until it is neither running nor refused for the moment. @throws NoResponse */
  settle(call: TestCall): Promise<Reply>;
  /** How many effects there were meanwhile: counted, or guessed from the results. */
  tally(run: () => Promise<readonly Reply[]>): Promise<McpTally>;
  /** As `tally`, where a guess is worth nothing, since answers get lost. @throws NotApplicable without `countTool` */
  count(run: () => Promise<readonly Reply[]>): Promise<McpTally>;
  pause(ms: number): Promise<void>;
  /** Waits for late effects of calls that were given up, so that they are not seen in the next case. */
  untilQuiet(): Promise<void>;
}

/** Time for an effect after its caller has gone, besides that of a call, milliseconds. */
const lateEffectMs = 200;
const askAgainMs = 50;

/**
 * @param connect opens connections that `close` of the case closes.
 * @param callMs how long a call of the tool takes, milliseconds.
 */
export function makeMcpProbe(target: McpTarget, connection: McpConnection, connect: Connect, callMs: number): McpProbe {
  const quietMs = lateEffectMs + callMs;
  const callOver = (call: TestCall): Promise<Reply> => connection.send("tools/call", paramsOf(target, call)).reply;

  const readCount = async (): Promise<number> => {
    const { result } = await connection.send("tools/call", { name: target.countTool, arguments: {} }).reply;
    const count = Number(/\d+/.exec(textOf({ result: result ?? {} }))?.[0]);
    if (Number.isNaN(count)) throw new NotApplicable(`${target.countTool} does not answer with a number`);
    return count;
  };
  const count = async (run: () => Promise<readonly Reply[]>, waitMs: number): Promise<McpTally> => {
    const before = await readCount();
    const replies = await run();
    await sleep(waitMs);
    return { replies, effects: (await readCount()) - before };
  };
  const guess = async (run: () => Promise<readonly Reply[]>): Promise<McpTally> => {
    const replies = await run();
    return { replies, effects: new Set(replies.filter(isDone).map(resultOf)).size };
  };

  return {
    target,
    connection,
    connect,
    async listTools() {
      const tools: ListedTool[] = [];
      for (let cursor: unknown, page = 0; page < 100; page += 1) {
        const { result } = await connection.send("tools/list", cursor === undefined ? {} : { cursor }).reply;
        tools.push(...((result?.["tools"] ?? []) as ListedTool[]));
        cursor = result?.["nextCursor"];
        if (cursor === undefined) break;
      }
      return tools;
    },
    newCall: () => ({ args: fillIn(requireTool(target).arguments), key: crypto.randomUUID() }),
    withOtherArguments(call) {
      const other = target.otherArguments ?? (target.arguments.includes(uniqueMark) ? target.arguments : undefined);
      if (other === undefined) throw new NotApplicable(`needs other arguments, or ${uniqueMark} in the first`);
      return { ...call, args: fillIn(other) };
    },
    refusedCall() {
      const { refusedArguments } = requireTool(target);
      if (refusedArguments === undefined)
        throw new NotApplicable("needs arguments at which the tool answers with isError");
      return { args: fillIn(refusedArguments), key: crypto.randomUUID() };
    },
    paramsOf: (call) => paramsOf(target, call),
    async call(...calls) {
      const replies: Reply[] = [];
      for (const call of calls) replies.push(await callOver(call));
      return replies;
    },
    async settle(call) {
      const until = performance.now() + target.timeoutMs;
      for (;;) {
        const reply = await callOver(call);
        if (!isNotNow(reply) || performance.now() > until) return reply;
        await sleep(askAgainMs);
      }
    },
    tally: (run) => (target.countTool === undefined ? guess(run) : count(run, 0)),
    count(run) {
      if (target.countTool === undefined) throw new NotApplicable("needs a tool that counts the effects");
      return count(run, quietMs);
    },
    pause: (ms) => sleep(ms, undefined, { signal: target.signal }),
    untilQuiet: () => sleep(quietMs, undefined, { signal: target.signal }),
  };
}

function requireTool(target: McpTarget): McpTarget {
  if (target.tool === undefined) throw new NotApplicable("needs a tool to call");
  return target;
}

function paramsOf({ tool, keyMeta, keyArgument }: McpTarget, { args, key, meta }: TestCall): object {
  if (key === undefined) return { name: tool, arguments: args, ...(meta && { _meta: meta }) };
  if (keyArgument !== undefined)
    return { name: tool, arguments: withMember(args, keyArgument.split("."), key), ...(meta && { _meta: meta }) };
  return { name: tool, arguments: args, _meta: { ...meta, [keyMeta]: key } };
}

/** The object with a member at a path. */
function withMember(object: object, [name = "", ...path]: readonly string[], value: unknown): object {
  if (path.length === 0) return { ...object, [name]: value };
  const inner = (object as Readonly<Record<string, object | undefined>>)[name];
  return { ...object, [name]: withMember(inner ?? {}, path, value) };
}

/** Every `{{unique}}` of one call is the same text. */
function fillIn(text: string): Readonly<Record<string, unknown>> {
  return JSON.parse(text.replaceAll(uniqueMark, crypto.randomUUID())) as Record<string, unknown>;
}

/** Whether a call was executed, as far as its answer says. */
export const isDone = ({ result }: Reply): boolean => result !== undefined && result["isError"] !== true;

/** The content of a result and its structure, without `_meta`. */
export const resultOf = ({ result, error }: Reply): string => {
  const { content, structuredContent } = result ?? {};
  return JSON.stringify([content, structuredContent, error?.code]);
};

/** The texts of a reply. */
export function textOf({ result, error }: Reply): string {
  const content = (result?.["content"] ?? []) as readonly { readonly text?: string }[];
  return error === undefined ? content.map(({ text = "" }) => text).join(" ") : `${error.code} ${error.message}`;
}

const notNow: ReadonlySet<unknown> = new Set([
  "ONCE_IN_PROGRESS",
  "ONCE_STORE_UNAVAILABLE",
  "ONCE_RESULT_UNCONFIRMED",
  // Of the Ad Context Protocol.
  "IDEMPOTENCY_IN_FLIGHT",
  "RATE_LIMITED",
]);

/** Answers that say no more than: not now. */
export function isNotNow({ result }: Reply): boolean {
  const { "once-again/error": code } = (result?.["_meta"] ?? {}) as Record<string, unknown>;
  return (
    result?.["isError"] === true &&
    (notNow.has(code) || /in progress|still (?:running|at work)/i.test(textOf({ result })))
  );
}
