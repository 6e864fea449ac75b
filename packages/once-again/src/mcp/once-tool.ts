import { hasMethod } from "../core/duck-typing.ts";
import { invalidOptionError } from "../core/options.ts";
import { keyMeta } from "./call-key.ts";
import { checkToolName } from "./call-tool.ts";
import type { ToolCalls } from "./open-tool-calls.ts";
import type { OnceContext, ToolContext } from "./tool-context.ts";

/** The methods of the MCP SDK's `McpServer` that are used here. */
export interface ToolServer {
  registerTool(name: string, config: never, handler: never): unknown;
}

/** A schema that says its type: Zod's, or any other Standard Schema. */
export interface ToolSchema {
  readonly "~standard": { readonly types?: { readonly output: unknown } | undefined };
}

/** The input of a tool: one schema, or a schema for each argument. */
export type ToolInput = ToolSchema | Readonly<Record<string, ToolSchema>>;

type OutputOf<Schema> = Schema extends { readonly "~standard": { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly output: infer Output }
    ? Output
    : never
  : never;

/** A tool's arguments, as its schema reads them. */
export type ToolArguments<Input> = Input extends ToolSchema
  ? OutputOf<Input>
  : { [Name in keyof Input]: OutputOf<Input[Name]> };

/** The handlers that a registered tool may have, as its server's SDK types them. */
type HandlerOf<Server extends ToolServer> =
  ReturnType<Server["registerTool"]> extends { handler: infer Handler } ? Handler : never;

/** The second argument that a server's SDK gives to a handler. */
export type ContextOf<Server extends ToolServer> =
  HandlerOf<Server> extends infer Handler
    ? Handler extends (...args: infer Parts) => unknown
      ? Parts extends [unknown, infer Context extends ToolContext]
        ? Context
        : never
      : never
    : never;

/** A tool's result, as a server's SDK accepts it. */
export type ResultOf<Server extends ToolServer> =
  HandlerOf<Server> extends infer Handler ? (Handler extends (...args: never) => infer Result ? Result : never) : never;

/** A handler as the server's own, but that its context has the operation too, as `once`. */
export type OnceToolHandler<Server extends ToolServer, Input, Transaction> = [Input] extends [undefined]
  ? (context: ContextOf<Server> & OnceContext<Transaction>) => ResultOf<Server>
  : (args: ToolArguments<Input>, context: ContextOf<Server> & OnceContext<Transaction>) => ResultOf<Server>;

/** The tool as the server lists it, and how its calls are distinguished. */
export interface OnceToolConfig<Input, Transaction> {
  /** The store and the rules of its calls: the result of `openToolCalls`, made once for the process. */
  readonly once: ToolCalls<Transaction>;
  /**
   * The argument that holds the key, for harnesses that can't set `_meta`: it must be in `inputSchema`, and the harness has
   * to fill it in itself and hide it from the model. Default none.
   */
  readonly keyArgument?: string | undefined;
  /** Which parts of the arguments make two calls of one key the same; default all, which must be JSON then. */
  readonly fingerprint?: ((args: ToolArguments<Input>) => unknown) | undefined;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema?: Input;
  readonly outputSchema?: ToolInput | undefined;
  readonly annotations?:
    | { readonly idempotentHint?: boolean | undefined; readonly [hint: string]: unknown }
    | undefined;
  readonly _meta?: Readonly<Record<string, unknown>> | undefined;
}

/** In `_meta` of a tool: how its calls bring their key, and how long it is good for, for the harness to read. */
export const policyMeta = "once-again/idempotency";

/**
 * Registers a tool with a server of the MCP SDK. Its calls have one effect for each key: a repeat gets the first result,
 * marked in `_meta`. The key is made by the program that runs the model, never by the model, and comes in
 * `params._meta["once-again/idempotency-key"]`, else in the `Idempotency-Key` of the HTTP request, else in `keyArgument`.
 *
 * A caller that cancels or loses its connection ends its own waiting and not the effect. A result with `isError` is
 * an answer, and stored; a handler that throws leaves the outcome unknown, unless it throws `NoEffectError`. One that asks
 * for input, by `input_required` or by an elicitation of a URL, is run again when the input comes.
 *
 * @returns what `server.registerTool` returns.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; what `server.registerTool` throws, such as for a name that is taken.
 * @example
 * ```ts
 * const once = openToolCalls({ store, scope: ({ authInfo }) => authInfo?.extra?.["userId"] as string });
 * onceTool(server, "charge", { once, inputSchema: { order: z.string() } }, async ({ order }, { once: { key } }) => {
 *   const receipt = await payments.charge(order, { idempotencyKey: key });
 *   return { content: [{ type: "text", text: `Paid: ${receipt.id}` }] };
 * });
 * ```
 */
export function onceTool<Server extends ToolServer, Transaction, Input extends ToolInput | undefined = undefined>(
  server: Server,
  name: string,
  config: OnceToolConfig<Input, Transaction>,
  handler: OnceToolHandler<Server, NoInfer<Input>, Transaction>,
): ReturnType<Server["registerTool"]> {
  checkTool(server, name, config as ToolParts, handler);
  const { once, keyArgument, fingerprint, _meta: given, ...ofServer } = config;
  const tool = { name, keyArgument, fingerprint };
  const hasInput = config.inputSchema !== undefined;
  const work = (args: never, context: never) =>
    (handler as (...parts: unknown[]) => Promise<object>)(...(hasInput ? [args, context] : [context]));
  const callback = hasInput
    ? (args: Record<string, unknown>, context: ToolContext) => once.call(tool, args, context, work as never)
    : (context: ToolContext) => once.call(tool, {}, context, work as never);
  const registered = server.registerTool(
    name,
    {
      ...ofServer,
      // Repeats have no further effect where none comes without a key; elsewhere only the tool's author can tell.
      annotations: {
        ...config.annotations,
        idempotentHint: once.keyRequired || config.annotations?.idempotentHint === true,
      },
      _meta: {
        ...given,
        [policyMeta]: {
          required: once.keyRequired,
          meta: keyMeta,
          ...(keyArgument === undefined ? undefined : { argument: keyArgument }),
          retentionSeconds: Math.floor(once.retentionMs / 1000),
        },
      },
    } as never,
    callback as never,
  );
  return registered as ReturnType<Server["registerTool"]>;
}

/** The parts of a tool's configuration that are checked. */
type ToolParts = Readonly<Record<"once" | "keyArgument" | "inputSchema", unknown>>;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first part that makes no sense. */
function checkTool(server: unknown, name: unknown, config: ToolParts, handler: unknown): void {
  if (!hasMethod(server, "registerTool")) {
    const isLow = hasMethod(server, "setRequestHandler");
    const expected = `an McpServer of the MCP SDK${isLow ? ", not the Server inside it: for that one, call once.call()" : ""}`;
    throw invalidOptionError("server", expected, server);
  }
  checkToolName(name);
  if (typeof config !== "object" || config === null) throw invalidOptionError("config", "an object", config);
  const { once, keyArgument, inputSchema } = config;
  if (!hasMethod(once, "call") || !hasMethod(once, "close")) {
    throw invalidOptionError("once", "what openToolCalls({ store, scope }) returns", once);
  }
  if (hasMethod(handler, "createTask")) {
    const expected = "a function; a tool that runs as a task starts its work by onceFunction in createTask";
    throw invalidOptionError("handler", expected, "one of registerToolTask");
  }
  if (typeof handler !== "function") throw invalidOptionError("handler", "a function", handler);
  if (keyArgument === undefined) return;
  const shape = (inputSchema as { shape?: unknown } | undefined)?.shape ?? inputSchema;
  if (typeof keyArgument === "string" && typeof shape === "object" && shape !== null && keyArgument in shape) return;
  throw invalidOptionError("keyArgument", "the name of an argument in inputSchema", keyArgument);
}
