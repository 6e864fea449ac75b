import type { Verdict } from "../verdict.ts";
import type { McpProbe } from "./mcp-probe.ts";
import { mcpSuite } from "./mcp-suite.ts";

/** One rule for MCP servers, and how to find out whether one keeps it. */
export interface McpCase {
  /** Never changes and is never used again: M, a letter for the group, and a number. */
  readonly id: string;
  /** The rule, as a sentence that is true of a good server. */
  readonly title: string;
  /** The consequence of breaking the rule, in one line. */
  readonly reason: string;
  /** Where the rule is written: a URL. */
  readonly rule: string;
  /** The number of the requirement in `conformance/requirements.json` that a failure breaks. */
  readonly requirement: number;
  readonly run: (probe: McpProbe) => Promise<Verdict>;
}

/**
 * The names of the groups by the second letters of their ids, in the order in which they run. The last is of a profile
 * alone.
 */
export const mcpGroups: Readonly<Record<string, string>> = mcpSuite.groups;

/** The group of a case, by its id. */
export const mcpGroupName = (id: string): string => mcpGroups[id[1]!]!;
