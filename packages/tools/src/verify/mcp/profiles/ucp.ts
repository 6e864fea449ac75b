import type { VerifyProfile } from "../../profile.ts";
import type { McpCase } from "../mcp-case.ts";

const section = "Idempotency";

/** The Universal Commerce Protocol over MCP: the key is `meta["idempotency-key"]` in the arguments of a tool. */
export const ucp: VerifyProfile<McpCase> = {
  title: "Universal Commerce Protocol, MCP checkout, 2026-04-08",
  url: "https://github.com/Universal-Commerce-Protocol/ucp/blob/v2026-04-08/docs/specification/checkout-mcp.md",
  cases: [],
  sentences: [
    {
      section,
      level: "MUST",
      text: "The key is in the arguments, as idempotency-key of meta, and a repeat of it has no second effect.",
      cases: ["MR01", "MC01", "MC02", "MC03", "MD01"],
    },
    {
      section,
      level: "MUST",
      text: "The same key and parameters get the result of the first call, whatever the id of the request is.",
      cases: ["MR02", "MR06"],
    },
    { section, level: "MUST", text: "Other parameters under a key are a conflict.", cases: ["MF01", "MF02", "MF03"] },
    { section, level: "MUST", text: "Keys are stored for 24 hours at least, and better for 48.", cases: ["MR08"] },
    { section, level: "MUST", text: "A new key is a new operation.", cases: ["MK06", "MK07", "MK08", "MC04"] },
    {
      section,
      level: "MUST",
      text: "A key belongs to its client: keys of different platforms are different keys.",
      cases: ["MS01", "MS02", "MS03"],
    },
    {
      section,
      level: "MUST",
      text: "A conflict is the status 409.",
      cases: [],
      untested: "a tool's result has no status; verify --profile ucp tests it over REST",
    },
  ],
};
