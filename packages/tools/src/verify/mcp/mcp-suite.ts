import type { Expression } from "../suite/expressions.ts";
import { type CasesFile, readSuiteFile } from "../suite/cases-json.ts";
import type { McpSendMode, OtherConnection } from "./mcp-messages.ts";

/** A change of a call. */
export type CallChange = Readonly<
  Partial<{
    /** A key, or none. */
    key: readonly [] | readonly [unknown];
    /** As they stand. */
    arguments: unknown;
    /** More arguments. */
    addArguments: object;
    otherArguments: true;
    refusedArguments: true;
    reverseMembers: true;
    meta: object;
    connection: OtherConnection;
  }>
>;

/** A step that MCP servers alone have. */
export type McpStep =
  | { readonly key: string }
  | { readonly request: string; readonly method: string; readonly params: object }
  | { readonly request: string; readonly from?: string; readonly change?: readonly CallChange[] }
  | { readonly send: readonly string[]; readonly how?: McpSendMode; readonly times?: number; readonly afterMs?: number }
  | { readonly settle: string }
  | { readonly notify: string; readonly params: object }
  | { readonly list: "tools"; readonly connection?: OtherConnection }
  | { readonly keep: Expression }
  | { readonly pause: "pauseMs" | "quietMs" };

interface McpCasesFile extends CasesFile<McpStep> {
  /** How a refusal says that it is one for the moment: codes, and a pattern of its text. */
  readonly notNow: { readonly codes: readonly string[]; readonly words: string };
}

/** The cases for MCP servers, as data. */
export const mcpSuite = readSuiteFile("mcp-cases.json") as McpCasesFile;
