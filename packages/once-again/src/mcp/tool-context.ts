import { hasMethod } from "../core/duck-typing.ts";
import type { FunctionExecution } from "../function/function-options.ts";

/** The parts that are used of the second argument of a tool's handler: `extra` of SDK 1, the context of SDK 2. */
export interface ToolContext {
  readonly signal?: AbortSignal | undefined;
  readonly _meta?: object | undefined;
  readonly authInfo?: object | undefined;
  readonly requestInfo?: { readonly headers?: object | undefined } | undefined;
  readonly mcpReq?: { readonly _meta?: object | undefined; readonly signal?: AbortSignal | undefined } | undefined;
  readonly http?:
    | { readonly authInfo?: object | undefined; readonly req?: { readonly headers?: object | undefined } | undefined }
    | undefined;
}

/** Who calls a tool, as far as the server has verified it. */
export interface ToolCaller {
  /**
   * The claims of the access token, without the token itself, which is refreshed; `undefined` on stdio, and where the server
   * checks none.
   */
  readonly authInfo:
    | {
        /** The OAuth client: a program, which may serve many users. */
        readonly clientId: string;
        readonly scopes: readonly string[];
        /** Data that the server's token verifier added, such as the user's id. */
        readonly extra?: Readonly<Record<string, unknown>> | undefined;
      }
    | undefined;
}

/** One call of a tool, read from either SDK. */
export interface CallFacts {
  readonly meta: Readonly<Record<string, unknown>>;
  /** Every value of a header of the HTTP request that brought the call; none on stdio. */
  readonly header: (name: string) => readonly string[];
  readonly caller: ToolCaller;
  /** Aborts when the caller cancels the call, or is gone. */
  readonly signal: AbortSignal | undefined;
}

/** Reads what matters here of a call's context. */
export function readContext(context: ToolContext): CallFacts {
  const { _meta: ofSdk1, mcpReq: { _meta: ofSdk2 } = {}, http, requestInfo } = context;
  const authInfo = (context.authInfo ?? http?.authInfo) as Record<string, unknown> | undefined;
  const { token: _token, ...verified } = authInfo ?? {};
  return {
    meta: { ...ofSdk1, ...ofSdk2 },
    header: (name) => headerValues(http?.req?.headers ?? requestInfo?.headers, name),
    caller: { authInfo: authInfo === undefined ? undefined : (verified as unknown as ToolCaller["authInfo"]) },
    signal: context.signal ?? context.mcpReq?.signal,
  };
}

/** Node joins the values of a header that is repeated, by commas, which no bare key holds. */
function headerValues(headers: object | undefined, name: string): readonly string[] {
  if (headers === undefined) return [];
  // Not by its class: a server on undici, or on a polyfill, has another one.
  if (hasMethod(headers, "get")) return [(headers as Headers).get(name) ?? []].flat();
  const found = Object.entries(headers).filter(([header]) => header.toLowerCase() === name);
  return found.flatMap(([, value]) => (value === undefined ? [] : (value as string | string[])));
}

/** The properties that a handler gets beside those of its SDK. */
export interface OnceContext<Transaction = undefined> {
  /** The operation that this call is. Its signal stands in the place of the SDK's own. */
  readonly once: FunctionExecution<Transaction>;
}

/**
 * The context of a handler: a caller that cancels, or is gone, ends its own waiting alone, so the handler has the
 * operation's signal in the place of the call's.
 */
export function contextOf<Context extends ToolContext, Transaction>(
  context: Context,
  once: FunctionExecution<Transaction>,
): Context & OnceContext<Transaction> {
  const { mcpReq } = context;
  if (mcpReq === undefined) return { ...context, signal: once.signal, once };
  return { ...context, mcpReq: { ...mcpReq, signal: once.signal }, once };
}
