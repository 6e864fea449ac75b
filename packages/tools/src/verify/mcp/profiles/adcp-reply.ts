import type { Connect, McpConnection, Reply } from "../mcp-connection.ts";

type Members = Readonly<Record<string, unknown>>;

/** The envelope that the Ad Context Protocol puts around a task's result. */
export interface AdcpEnvelope {
  /** The error, where the task failed: of the transport's layer, or else the payload's. */
  readonly error: Members | undefined;
  /** All of the answer. */
  readonly whole: Members;
}

/** An answer, and its envelope beside it for cases that judge it. */
interface AdcpReply extends Reply {
  readonly envelope: AdcpEnvelope;
}

/** Members that describe one answer, and not the task's result. */
const envelopeNames: ReadonlySet<string> = new Set([
  "replayed",
  "timestamp",
  "context_id",
  "context",
  "governance_context",
]);

/** A connection that reads answers as the Ad Context Protocol writes them (3.2, MCP guide: flat, envelope beside body). */
export function adcpConnect(connect: Connect): Connect {
  return async (headers): Promise<McpConnection> => {
    const connection = await connect(headers);
    return {
      ...connection,
      send(method, params) {
        const { id, reply } = connection.send(method, params);
        const read = method === "tools/call" ? reply.then(readAdcpReply) : reply;
        // It may be sent to be lost.
        read.catch(() => undefined);
        return { id, reply: read };
      },
    };
  };
}

/** The answer with its result alone, so that a repeat compares, and what is around it beside. */
export function readAdcpReply(reply: Reply): Reply | AdcpReply {
  const { result } = reply;
  const whole = result === undefined ? undefined : membersOf(result);
  if (result === undefined || whole === undefined) return reply;
  const hasFailed = result["isError"] === true || whole["adcp_error"] !== undefined || whole["status"] === "failed";
  const error = hasFailed
    ? ((whole["adcp_error"] ?? (whole["errors"] as Members[] | undefined)?.[0]) as Members)
    : undefined;
  const envelope: AdcpEnvelope = { error, whole };
  const body = Object.fromEntries(Object.entries(whole).filter(([name]) => !envelopeNames.has(name)));
  return {
    result: {
      content: hasFailed ? [{ type: "text", text: errorText(error) }] : [],
      structuredContent: body,
      ...(hasFailed && { isError: true }),
      _meta: {
        ...(whole["replayed"] === true && { replayed: true }),
        ...(hasFailed && { "once-again/error": error?.["code"] }),
      },
    },
    envelope,
  };
}

function errorText({ code = "an error without a code", message = "" }: Members = {}): string {
  return typeof code === "string" && typeof message === "string" ? `${code} ${message}` : "an error without words";
}

/** Of the structured content, or of a text that is JSON. */
function membersOf(result: Members): Members | undefined {
  const { structuredContent, content } = result as { structuredContent?: unknown; content?: { text?: string }[] };
  if (isObject(structuredContent)) return structuredContent;
  try {
    const value: unknown = JSON.parse(content?.[0]?.text ?? "");
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The envelope of an answer; empty where the answer is not AdCP's. */
export const envelopeOf = (reply: Reply | AdcpReply): AdcpEnvelope =>
  "envelope" in reply ? reply.envelope : { error: undefined, whole: {} };
