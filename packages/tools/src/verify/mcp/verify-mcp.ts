import { OnceAgainError } from "once-again";
import { invalidOptionError } from "once-again/internal";
import { NoResponse, NotApplicable, type Verdict } from "../verdict.ts";
import type { CaseResult } from "../report.ts";
import { httpConnect } from "./http-connection.ts";
import { type McpCase, mcpGroupName, mcpGroups } from "./mcp-case.ts";
import type { Connect, McpConnection, Reply } from "./mcp-connection.ts";
import { checkMcpTarget, type McpTarget, type McpVerifyOptions } from "./mcp-options.ts";
import { makeMcpProbe, type McpProbe } from "./mcp-probe.ts";
import { Patience } from "../patience.ts";
import { adcpConnect } from "./profiles/adcp-reply.ts";
import type { McpProfileName } from "./profiles/profile-name.ts";
import { casesOfMcpProfile } from "./read-mcp-cases.ts";
import { formatReply, isDone } from "./replies.ts";
import { stdioConnect } from "./stdio-connection.ts";

/** The result of a run. */
export interface McpVerifyReport {
  /** The URL, or the command. */
  readonly server: string;
  readonly profile: McpProfileName;
  /** The tool that was called; missing where none was. */
  readonly tool: string | undefined;
  /** Whether effects were counted, or guessed from the results. */
  readonly effects: "counted" | "guessed";
  readonly cases: readonly CaseResult[];
  /** How many requests were sent. */
  readonly requests: number;
  readonly timeMs: number;
}

/**
 * Tests how an MCP server, in any language, treats repeated calls, on stdio or over Streamable HTTP. Without `tool` it calls
 * nothing and reads only what the server says of its tools. With it, the tool is called some 150 times, so point it at a test
 * system.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`; `ONCE_TARGET_UNFIT` when the server can't be reached, or a plain call of the
 *   tool does not succeed.
 */
export async function verifyMcp(options: McpVerifyOptions): Promise<McpVerifyReport> {
  const target = checkMcpTarget(options);
  const cases = selectMcpCases(target);
  const startedAt = performance.now();
  let requests = 0;
  const connect = counting(connectOf(target), () => (requests += 1));
  const first = await connect().catch((error: unknown) => {
    throw unfitError(error);
  });
  try {
    const callMs = await checkTool(target, first);
    const patience = new Patience(target.timeoutMs, callMs);
    const results: CaseResult[] = [];
    for (const mcpCase of cases) {
      target.onProgress(results.length, cases.length);
      results.push(
        await runCase(mcpCase, target, connect, (open) => makeMcpProbe(target, first, open, callMs, patience)),
      );
    }
    const timeMs = Math.round(performance.now() - startedAt);
    const effects = target.countTool === undefined ? "guessed" : "counted";
    return {
      server: serverName(target),
      profile: target.profile,
      tool: target.tool,
      effects,
      cases: results,
      requests,
      timeMs,
    };
  } finally {
    await first.cut();
  }
}

/** The name of a server in reports: its URL, or its command. */
export const serverName = ({ server }: Pick<McpTarget, "server">): string =>
  typeof server === "string" ? server : server.join(" ");

function connectOf({ server, headers, timeoutMs, profile }: McpTarget): Connect {
  const connect =
    typeof server === "string" ? httpConnect(server, headers, timeoutMs) : stdioConnect(server, timeoutMs);
  return profile === "adcp" ? adcpConnect(connect) : connect;
}

function counting(connect: Connect, onRequest: () => void): Connect {
  return async (headers) => {
    const connection = await connect(headers);
    onRequest();
    return {
      ...connection,
      send(method, params) {
        onRequest();
        return connection.send(method, params);
      },
    };
  };
}

/** The cases of a profile, or of them those of these ids and groups. @throws OnceAgainError `ONCE_OPTION_INVALID` when one of them names none. */
export function selectMcpCases({ only, profile }: Pick<McpTarget, "only" | "profile">): readonly McpCase[] {
  const cases = casesOfMcpProfile(profile);
  if (only === undefined) return cases;
  const names = only.map((name) => name.toUpperCase());
  const isOf = (id: string, name: string): boolean => id === name || (id.startsWith(name) && name.length === 2);
  const unknown = names.find((name) => !cases.some(({ id }) => isOf(id, name)));
  if (unknown === undefined && names.length > 0) return cases.filter(({ id }) => names.some((name) => isOf(id, name)));
  const groups = Object.keys(mcpGroups).map((letter) => `M${letter}`);
  throw invalidOptionError("only", `ids of cases (MR01), or groups: ${groups.join(", ")}`, unknown ?? "empty");
}

/**
 * How long a plain call of the tool takes, milliseconds.
 *
 * @throws OnceAgainError `ONCE_TARGET_UNFIT` for a tool that can't be judged, since such a call fails.
 */
async function checkTool(target: McpTarget, connection: McpConnection): Promise<number> {
  if (target.tool === undefined) return 0;
  const probe = makeMcpProbe(target, connection, () => Promise.resolve(connection), 0);
  const startedAt = performance.now();
  const isCounted = target.countTool !== undefined;
  const { responses, effects } = await probe
    .tally(() => probe.send([probe.newCall()], "in-turn"))
    .catch((error: unknown) => {
      throw unfitError(error);
    });
  const { reply } = responses[0] as { reply: Reply };
  if (!isDone(reply)) {
    throw unfitError(new Error(`a plain call of ${target.tool} is answered with ${formatReply(reply)}`));
  }
  if (isCounted && effects !== 1) {
    throw unfitError(new Error(`a plain call must raise the count of effects by 1, but it rose by ${effects}`));
  }
  return performance.now() - startedAt;
}

function unfitError(cause: unknown): OnceAgainError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new OnceAgainError("ONCE_TARGET_UNFIT", `This MCP server can't be judged: ${why}.`, { cause });
}

/** Runs a case, and closes the connections that it opened. */
async function runCase(
  { run, ...named }: McpCase,
  target: McpTarget,
  connect: Connect,
  makeProbe: (open: Connect) => McpProbe,
): Promise<CaseResult> {
  const startedAt = performance.now();
  const opened: McpConnection[] = [];
  const open: Connect = async (headers) => {
    const other = await connect(headers);
    opened.push(other);
    return other;
  };
  let verdict: Verdict;
  try {
    verdict = await run(makeProbe(open));
  } catch (error) {
    target.signal.throwIfAborted();
    if (error instanceof NoResponse) verdict = { kind: "fail", observed: error.message };
    else if (error instanceof NotApplicable) verdict = { kind: "not-applicable", observed: error.message };
    else throw error;
  } finally {
    await Promise.all(opened.map((other) => other.cut()));
  }
  const timeMs = Math.round(performance.now() - startedAt);
  return { ...named, group: mcpGroupName(named.id), ...verdict, timeMs };
}
