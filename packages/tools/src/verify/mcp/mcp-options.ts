import { checkChoice, checkNumber, invalidOptionError } from "once-again/internal";
import type { HeaderList } from "../test-request.ts";
import { type McpProfileName, mcpProfileNames } from "./profiles/profile-name.ts";

/** Which MCP server to test, and how. */
export interface McpVerifyOptions {
  /** Where it is served over Streamable HTTP, or the command that starts it on stdio, and its arguments. */
  readonly server: string | readonly [command: string, ...args: string[]];
  /** Of an HTTP server: sent with every request, such as the first principal's credentials. */
  readonly headers?: HeaderList;
  /** Of an HTTP server: a second principal's credentials, in place of the first's. */
  readonly otherHeaders?: HeaderList;
  /** The tool to call. Without it nothing is called, and only what the server says of its tools is judged. */
  readonly tool?: string;
  /**
   * Arguments with which it succeeds, as JSON; default `{}`. `{{unique}}` in them is a new text for each call, and the same
   * for its repeats.
   */
  readonly arguments?: string;
  /** Other arguments with which it succeeds. Not needed where `arguments` has `{{unique}}`. */
  readonly otherArguments?: string;
  /** Arguments that fit its schema, at which it answers with `isError`. */
  readonly refusedArguments?: string;
  /** A tool that only reads. Its result begins with the number of effects, so that duplicates are proven. */
  readonly countTool?: string;
  /** Where in `params._meta` the key goes; default `once-again/idempotency-key`. */
  readonly keyMeta?: string;
  /**
   * The rules for the server: `"practice"` (default) is the field's; `"adcp"` the Ad Context Protocol, for a seller's
   * `tool` such as `create_media_buy`; `"ucp"` the Universal Commerce Protocol.
   */
  readonly profile?: McpProfileName;
  /** The argument that holds the key, in place of `_meta`, or a path to it: `meta.key`. By `"adcp"` it is `idempotency_key`, by
   * `"ucp"` `meta.idempotency-key`. */
  readonly keyArgument?: string;
  /** Ids of cases, or groups: `["MR01", "MC"]`. Default: all. */
  readonly only?: readonly string[];
  /** How long to wait for one answer, milliseconds, 100 to 600,000; default 30,000. */
  readonly timeoutMs?: number;
  /** How long a key must be remembered at the very least (MR08), milliseconds, 0 to 600,000; default 2,000. */
  readonly pauseMs?: number;
  /** Ends the run; `verifyMcp` rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Called with the number of cases that are done. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Where a profile has its keys. */
const keyArguments: Readonly<Record<McpProfileName, string | undefined>> = {
  practice: undefined,
  adcp: "idempotency_key",
  ucp: "meta.idempotency-key",
};

/** Replaced by a new text in each call. */
export const uniqueMark = "{{unique}}";

/** The options, checked, with defaults filled in. */
export type McpTarget = ReturnType<typeof checkMcpTarget>;

/** @throws OnceAgainError `ONCE_OPTION_INVALID` for the first option that makes no sense. */
export function checkMcpTarget(options: McpVerifyOptions) {
  const { server, tool, otherArguments, refusedArguments } = options;
  const isCommand = Array.isArray(server) && server.length > 0 && server.every((part) => typeof part === "string");
  if (!isCommand) checkUrl(server);
  const given = options.arguments ?? "{}";
  const profile = checkChoice("profile", options.profile ?? "practice", mcpProfileNames);
  return Object.freeze({
    server: isCommand ? (server as readonly [string, ...string[]]) : (server as string),
    headers: options.headers ?? [],
    otherHeaders: options.otherHeaders,
    tool,
    arguments: checkArguments("arguments", given),
    otherArguments: otherArguments === undefined ? undefined : checkArguments("otherArguments", otherArguments),
    refusedArguments: refusedArguments === undefined ? undefined : checkArguments("refusedArguments", refusedArguments),
    countTool: options.countTool,
    keyMeta: options.keyMeta ?? "once-again/idempotency-key",
    profile,
    keyArgument: options.keyArgument ?? keyArguments[profile],
    only: options.only,
    timeoutMs: checkNumber("timeoutMs", options.timeoutMs ?? 30_000, { min: 100, max: 600_000 }),
    pauseMs: checkNumber("pauseMs", options.pauseMs ?? 2000, { min: 0, max: 600_000 }),
    signal: options.signal ?? new AbortController().signal,
    onProgress: options.onProgress ?? (() => undefined),
  });
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`; it does not repeat a URL, which can hold a secret. */
function checkUrl(server: unknown): void {
  const url = typeof server === "string" && URL.canParse(server) ? new URL(server) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username + url.password !== "") {
    throw invalidOptionError("server", "an http: or https: URL without a password, or a command", "none");
  }
}

/** @returns the text: its mark is filled in for each call. */
function checkArguments(name: string, text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text.replaceAll(uniqueMark, ""));
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return text;
  throw invalidOptionError(name, "a JSON object", text);
}
