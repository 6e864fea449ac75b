/** Every set of rules that an MCP server can be held to. */
export const mcpProfileNames = ["practice", "adcp", "ucp"] as const;

/** The rules for an MCP server: the field's practice, or a published set of rules in its place. */
export type McpProfileName = (typeof mcpProfileNames)[number];
