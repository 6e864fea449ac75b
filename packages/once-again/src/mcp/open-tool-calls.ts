import { notify } from "../core/listener.ts";
import { untilAborted } from "../core/until-aborted.ts";
import { openEngine } from "../engine/open-engine.ts";
import { asksForUrl, type CalledTool, type CallParts, callTool, type ToolWork } from "./call-tool.ts";
import { readContext, type ToolContext } from "./tool-context.ts";
import { checkToolCallRules, type ToolCallOptions } from "./tool-call-options.ts";
import type { ToolResult } from "./tool-results.ts";

/** The store of the calls of tools, and their rules. Made once for the process, however many servers it makes. */
export interface ToolCalls<Transaction = undefined> extends AsyncDisposable {
  /** Whether a call without a key is refused. */
  readonly keyRequired: boolean;
  /** How long a result is stored, milliseconds. */
  readonly retentionMs: number;
  /**
   * Carries one call out, unless it was before: what `onceTool` does, for servers that handle `tools/call` themselves. It
   * answers with a result also where the call is refused; the text says what the model is not to do.
   *
   * A model never sees the text of an error that the handler throws, except that of a `NoEffectError`: `onError` has it.
   *
   * @throws OnceAgainError `ONCE_OPTION_INVALID` for a tool's name that is empty or has a colon; an error that asks the
   *   client for input (JSON-RPC code -32042), as the handler threw it; the reason of the call's signal, once its caller
   *   has left.
   */
  call<Context extends ToolContext>(
    tool: CalledTool,
    args: Readonly<Record<string, unknown>>,
    context: Context,
    work: ToolWork<Context, Transaction>,
  ): Promise<ToolResult>;
  /** Takes no new calls, and resolves when the running ones have ended and are stored. The store stays open. */
  close(): Promise<void>;
}

/**
 * Opens what the tools of an MCP server need so that each call has one effect: see `onceTool`.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, `ONCE_UNSAFE_PAIR`.
 * @example
 * ```ts
 * const once = openToolCalls({ store: postgresStore(pool), scope: ({ authInfo }) => authInfo?.extra?.["userId"] as string });
 * ```
 */
export function openToolCalls<Transaction = undefined>(options: ToolCallOptions<Transaction>): ToolCalls<Transaction> {
  const rules = checkToolCallRules(options);
  const { engine, options: engineOptions, retryAfterMs } = openEngine<Transaction>(options);
  const { onError } = engineOptions;
  const parts: CallParts<Transaction> = {
    rules,
    engine,
    onError,
    retryAfterMs: () => retryAfterMs(rules.retryAfterMs),
    callRules: {
      codec: undefined,
      refusals: undefined,
      resultBytesMax: rules.resultBytesMax,
      transactional: rules.transactional,
      hadNoEffect: (error) => asksForUrl(error) || rules.hadNoEffect(error),
      onError,
    },
  };
  const close = (): Promise<void> => engine.close();
  return {
    keyRequired: rules.keyRequired,
    retentionMs: engineOptions.retentionMs,
    // A call goes on without its caller, and a repeat finds what came of it.
    call: (tool, args, context, work) =>
      untilAborted(callTool(parts, tool, args, context, work), readContext(context).signal, (error) =>
        notify(onError, error, { room: "tool", tool: tool.name }),
      ),
    close,
    [Symbol.asyncDispose]: close,
  };
}
