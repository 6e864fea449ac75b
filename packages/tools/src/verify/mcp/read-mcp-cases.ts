import type { VerifyProfile } from "../profile.ts";
import { describeCase, isOf, readProfile } from "../suite/read-profile.ts";
import type { CaseData } from "../suite/cases-json.ts";
import type { McpCase } from "./mcp-case.ts";
import { type McpStep, mcpSuite } from "./mcp-suite.ts";
import type { McpProfileName } from "./profiles/profile-name.ts";
import { runMcpSteps } from "./mcp-steps.ts";

const readCase = (data: CaseData<McpStep>): McpCase => ({
  ...describeCase(data),
  run: (probe) => runMcpSteps(data.steps, probe),
});

/** The names of the profiles in `conformance/requirements.json`, where `ucp` is that of HTTP. */
const fileNames: Readonly<Record<McpProfileName, string>> = { practice: "mcp", adcp: "adcp", ucp: "ucp-mcp" };

/** The cases of a profile, in the order in which they run. */
export const casesOfMcpProfile = (name: McpProfileName): readonly McpCase[] =>
  mcpSuite.cases.filter(isOf(fileNames[name])).map(readCase);

/** The cases of the field's practice, in the order in which they run. */
export const mcpCases: readonly McpCase[] = casesOfMcpProfile("practice");

const read = (name: McpProfileName): VerifyProfile<McpCase> =>
  readProfile(fileNames[name], mcpSuite.cases, fileNames.practice, readCase);

/** The published sets of rules that an MCP server can be held to. */
export const mcpProfiles: Readonly<Record<Exclude<McpProfileName, "practice">, VerifyProfile<McpCase>>> = {
  adcp: read("adcp"),
  ucp: read("ucp"),
};
