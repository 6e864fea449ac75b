import { NotApplicable } from "../verdict.ts";
import type { McpRequest, OtherConnection, RawRequest, TestCall } from "./mcp-messages.ts";
import { type McpTarget, uniqueMark } from "./mcp-options.ts";

/** The calls that the options allow. */
export interface McpCalls {
  /** A new call of the tool, with a new key. @throws NotApplicable without `tool` */
  newCall(): TestCall;
  /** The same call with other arguments that would succeed. @throws NotApplicable */
  withOtherArguments(call: TestCall): TestCall;
  /** The same call with arguments at which the tool answers with `isError`. @throws NotApplicable */
  withRefusedArguments(call: TestCall): TestCall;
  /** The same call over another connection. @throws NotApplicable without a second principal's headers */
  over(connection: OtherConnection, call: TestCall): TestCall;
}

export function makeCalls(target: McpTarget): McpCalls {
  return {
    newCall() {
      if (target.tool === undefined) throw new NotApplicable("needs a tool to call");
      return { args: fillIn(target.arguments), key: crypto.randomUUID() };
    },
    withOtherArguments(call) {
      const other = target.otherArguments ?? (target.arguments.includes(uniqueMark) ? target.arguments : undefined);
      if (other === undefined) throw new NotApplicable(`needs other arguments, or ${uniqueMark} in the first`);
      return { ...call, args: fillIn(other) };
    },
    withRefusedArguments(call) {
      if (target.refusedArguments === undefined) {
        throw new NotApplicable("needs arguments at which the tool answers with isError");
      }
      return { ...call, args: fillIn(target.refusedArguments) };
    },
    over(connection, call) {
      if (connection !== "another" && target.otherHeaders === undefined) {
        throw new NotApplicable("needs a second principal's headers");
      }
      return { ...call, connection };
    },
  };
}

/** A request as JSON-RPC has it. */
export const messageOf = (target: McpTarget, request: McpRequest): RawRequest =>
  "method" in request ? request : { method: "tools/call", params: paramsOf(target, request) };

/** Arguments that are no object have no place for a key. */
function paramsOf({ tool, keyMeta, keyArgument }: McpTarget, { args, key, meta }: TestCall): object {
  const hasKey = key !== undefined;
  const inMeta = { ...meta, ...(hasKey && keyArgument === undefined && { [keyMeta]: key }) };
  const isObject = typeof args === "object" && args !== null;
  return {
    name: tool,
    arguments: hasKey && keyArgument !== undefined && isObject ? withMember(args, keyArgument.split("."), key) : args,
    ...(Object.keys(inMeta).length > 0 && { _meta: inMeta }),
  };
}

/** The object with a member at a path. */
function withMember(object: object, [name = "", ...path]: readonly string[], value: unknown): object {
  if (path.length === 0) return { ...object, [name]: value };
  const inner = (object as Readonly<Record<string, object | undefined>>)[name];
  return { ...object, [name]: withMember(inner ?? {}, path, value) };
}

/** Every `{{unique}}` of one call is the same text. */
const fillIn = (text: string): Readonly<Record<string, unknown>> =>
  JSON.parse(text.replaceAll(uniqueMark, crypto.randomUUID())) as Record<string, unknown>;
