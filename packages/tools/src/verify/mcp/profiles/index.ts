import type { VerifyProfile } from "../../profile.ts";
import { mcpCases } from "../cases/index.ts";
import type { McpCase } from "../mcp-case.ts";
import { adcp } from "./adcp.ts";
import { ucp } from "./ucp.ts";
import type { McpProfileName } from "./profile-name.ts";

/** The published sets of rules that an MCP server can be held to. */
export const mcpProfiles: Readonly<Record<Exclude<McpProfileName, "practice">, VerifyProfile<McpCase>>> = {
  adcp,
  ucp,
};

/** The cases of a profile, in the order in which they run. */
export function casesOfMcpProfile(name: McpProfileName): readonly McpCase[] {
  if (name === "practice") return mcpCases;
  const { sentences, cases } = mcpProfiles[name];
  const named = new Set<string>(sentences.flatMap((sentence) => sentence.cases));
  return [...mcpCases, ...cases].filter(({ id }) => named.has(id));
}
