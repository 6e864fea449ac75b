import { formatText } from "../format.ts";
import type { Verdict } from "../verdict.ts";
import type { Reply } from "./mcp-connection.ts";
import { isDone, type McpProbe, resultOf, textOf } from "./mcp-probe.ts";

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
  readonly run: (probe: McpProbe) => Promise<Verdict>;
}

/**
 * The names of the groups by the second letters of their ids, in the order in which they run. The last is of a profile
 * alone.
 */
export const mcpGroups = {
  T: "What the list of tools says",
  K: "Keys",
  R: "Repeats",
  F: "Fingerprint",
  C: "Concurrency",
  D: "Cancellation and lost connections",
  E: "Errors",
  S: "Scope",
  A: "Ad Context Protocol",
} as const;

/** The group of a case, by its id. */
export const mcpGroupName = (id: string): string => mcpGroups[id[1] as keyof typeof mcpGroups];

const specification = "https://modelcontextprotocol.io/specification/2025-11-25";
export const specUrl = (page: string): string => `${specification}/${page}`;
export const mcpGuideUrl = (id: string): string =>
  `https://unpkg.com/once-again@0/docs/guides/verifying-mcp.md#${id.toLowerCase()}`;

export const passIf = (isGood: boolean, observed: string): Verdict => ({ kind: isGood ? "pass" : "fail", observed });
export const warnUnless = (isGood: boolean, observed: string): Verdict => ({
  kind: isGood ? "pass" : "warn",
  observed,
});

/** How much of a text is shown, characters. */
const shownMax = 80;

/** A reply in a few words. */
export function formatReply(reply: Reply): string {
  const text = formatText(textOf(reply));
  const shown = text.length > shownMax ? `${text.slice(0, shownMax)}…` : text;
  if (reply.error !== undefined) return `error ${shown}`;
  return isDone(reply) ? `"${shown}"` : `isError "${shown}"`;
}

export const formatEffects = (effects: number): string => `${effects} effect${effects === 1 ? "" : "s"}`;

/** One effect, and every answer is its result, or says that it has none. */
export function judgeOneEffect({ replies, effects }: { replies: readonly Reply[]; effects: number }): Verdict {
  const results = new Set(replies.filter(isDone).map(resultOf));
  const observed = `${formatEffects(effects)}; ${results.size} different result${results.size === 1 ? "" : "s"}`;
  return passIf(effects === 1 && results.size === 1, observed);
}
