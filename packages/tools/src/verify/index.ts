/**
 * Cases that test any HTTP server or MCP server for its idempotency keys.
 *
 * @module
 */
export { conformanceCases, verifyProfiles } from "./suite/read-cases.ts";
export { groups, type ConformanceCase } from "./conformance-case.ts";
export type { Finding, ServerTraits } from "./server-traits.ts";
export type { Probe, Tally } from "./probe.ts";
export type { ProbeResponse } from "./probe-response.ts";
export { type Badge, makeBadge } from "./badge.ts";
export { formatHtml } from "./html-report.ts";
export { formatJunit } from "./junit-report.ts";
export { type ProfileName, profileNames } from "./profile-name.ts";
export type { ProfileSentence, VerifyProfile } from "./profile.ts";
export { countVerdicts, type CaseResult, type VerifyReport } from "./report.ts";
export type { SendMode, Sending } from "./send-modes.ts";
export { formatTap } from "./tap-report.ts";
export type { HeaderList, TestRequest } from "./test-request.ts";
export type { Strictness, Verdict } from "./verdict.ts";
export { verify } from "./verify.ts";
export { planVerify, type PlannedCase } from "./verify-plan.ts";
export type { EffectsPage, VerifyOptions } from "./verify-options.ts";
export { type McpCase, mcpGroups } from "./mcp/mcp-case.ts";
export type { McpVerifyOptions } from "./mcp/mcp-options.ts";
export type { Connect, McpConnection, Reply, RpcMessage, SentRequest } from "./mcp/mcp-connection.ts";
export type {
  ListedTool,
  McpRequest,
  McpResponse,
  McpSendMode,
  OtherConnection,
  RawRequest,
  TestCall,
} from "./mcp/mcp-messages.ts";
export type { McpProbe, McpTally } from "./mcp/mcp-probe.ts";
export { type PlannedMcpCase, planMcp } from "./mcp/plan-mcp.ts";
export { mcpCases, mcpProfiles } from "./mcp/read-mcp-cases.ts";
export { type McpProfileName, mcpProfileNames } from "./mcp/profiles/profile-name.ts";
export { type McpVerifyReport, verifyMcp } from "./mcp/verify-mcp.ts";
