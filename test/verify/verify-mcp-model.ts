import type { McpProfile } from "../../conformance/faults/faults.ts";
import type { McpModel } from "../../conformance/faults/right-mcp-server.ts";
import { type McpVerifyOptions, type McpVerifyReport, verifyMcp } from "../../packages/tools/src/verify/index.ts";
import { serveModel } from "./verify-model.ts";

/** The principals of the tests. */
export const [alice, bob] = ["Bearer alice", "Bearer bob"] as const;

const shop = {
  tool: "order",
  arguments: '{"item":"tea {{unique}}","quantity":1}',
  refusedArguments: '{"item":"unicorn","quantity":1}',
  countTool: "count_orders",
};

/** The options for a server of a profile, whichever runner takes them. */
export const mcpOptions = {
  mcp: { ...shop, profile: "practice" },
  adcp: {
    tool: "create_media_buy",
    arguments: '{"budget":5000,"name":"{{unique}}"}',
    refusedArguments: '{"budget":0}',
    countTool: "count_media_buys",
    profile: "adcp",
  },
  "ucp-mcp": { ...shop, profile: "ucp" },
} as const satisfies Record<McpProfile, Omit<McpVerifyOptions, "server">>;

/** Cases with no other verdict against a server than a warning. */
const warnings = new Set(["MT03", "MT05", "MT09", "MK05", "MR03", "MA11"]);

/** The verdict of a case at a server with the fault that it must find. */
export const verdictAtFault = (id: string): "fail" | "warn" => (warnings.has(id) ? "warn" : "fail");

/** Verifies a model server over a real connection. */
export const verifyMcpModel = (
  model: McpModel,
  profile: McpProfile,
  only?: readonly string[],
): Promise<McpVerifyReport> =>
  serveModel(model, (origin) =>
    verifyMcp({
      ...mcpOptions[profile],
      server: `${origin}/mcp`,
      headers: [["authorization", alice]],
      otherHeaders: [["authorization", bob]],
      pauseMs: 60,
      ...(only && { only }),
    }),
  );
