import type { ProfileSentence, VerifyProfile } from "../../profile.ts";
import type { McpCase } from "../mcp-case.ts";
import { adcpCases } from "./adcp-cases.ts";

/** A sentence that no case can test from outside, and why. */
const untested = (
  section: string,
  level: ProfileSentence["level"],
  text: string,
  why = "it binds buyers",
): ProfileSentence => ({ section, level, text, cases: [], untested: why });

const duplicates = ["MC01", "MC02", "MC03", "MA12", "MA21"];

/** The section on idempotency of the Ad Context Protocol 3.2, for sellers over MCP. */
export const adcp: VerifyProfile<McpCase> = {
  title: "Ad Context Protocol 3.2",
  url: "https://github.com/adcontextprotocol/adcp/blob/main/docs/building/by-layer/L1/security.mdx#idempotency",
  cases: adcpCases,
  sentences: [
    { section: "Idempotency", level: "MUST", text: "Each call that changes state has a key.", cases: ["MA02"] },
    {
      section: "Idempotency",
      level: "MUST",
      text: "Keys belong to an agent and an account.",
      cases: ["MS01", "MS02", "MS03"],
    },
    untested("Idempotency", "MUST", "A key under another task is a conflict.", "this run calls one task"),
    {
      section: "Seller, 1",
      level: "MUST",
      text: "A call is held to its schema before its key is looked up.",
      cases: ["MA02", "MA03", "MA04", "ME01"],
    },
    {
      section: "Seller, 2",
      level: "MUST",
      text: "The first success is stored, and its repeats get what it said then.",
      cases: ["MR02", "MR04", "MR09"],
    },
    untested(
      "Seller, 2",
      "MUST",
      "Nor does it change with the resource.",
      "it takes a change of the resource, which is another task's",
    ),
    { section: "Seller, 3", level: "MUST", text: "Errors are not stored.", cases: ["MA08"] },
    {
      section: "Seller, 4",
      level: "MUST",
      text: "A repeat has no side effect.",
      cases: ["MR01", "MR04", "MR05", "MR06", "MR09", "MD01", "MD02", "MD03", "MD04", "MD05", "MD06"],
    },
    { section: "Seller, 5", level: "MUST", text: "Another payload is IDEMPOTENCY_CONFLICT.", cases: ["MA09", "MF03"] },
    untested("Seller, 6", "SHOULD", "A key past its window is IDEMPOTENCY_EXPIRED.", "the run does not wait an hour"),
    { section: "Seller, 6", level: "MUST", text: "Keys are stored for the whole window.", cases: ["MR08"] },
    untested(
      "Seller, 6",
      "MUST",
      "They survive restarts and failovers.",
      "it takes a crash of the server to see: npm run crash does that to ours",
    ),
    {
      section: "Seller, 7",
      level: "MUST",
      text: "The window is declared: an hour to seven days.",
      cases: ["MA01"],
    },
    untested("Seller, 8", "MUST", "New keys have a rate limit, RATE_LIMITED.", "it would take a flood"),
    { section: "Seller, 9", level: "MUST", text: "Of duplicates at once the first runs, alone.", cases: duplicates },
    {
      section: "Seller, 9",
      level: "MUST",
      text: "The others wait, or get IDEMPOTENCY_IN_FLIGHT and retry_after.",
      cases: ["MA12"],
    },
    { section: "Seller, 9", level: "MUST", text: "Another payload then is a conflict too.", cases: ["MA13"] },
    untested(
      "Seller, 10",
      "MUST",
      "Calls to other systems are claimed first, or have a key of their own.",
      "from outside it looks like luck",
    ),
    { section: "Payload equivalence", level: "MUST", text: "Payloads are compared as JCS.", cases: ["MR07", "MA19"] },
    {
      section: "Payload equivalence",
      level: "MUST",
      text: "Key, contexts and credentials for notifications do not count.",
      cases: ["MR01", "MA14", "MA15", "MA16"],
    },
    { section: "Payload equivalence", level: "MUST", text: "All else counts.", cases: ["MA17", "MA18", "MA19"] },
    {
      section: "Tool wrappers",
      level: "MUST",
      text: "Every tool takes the members of the envelope.",
      cases: ["MA20", "MA14", "MA15", "MA16"],
    },
    { section: "Replay indicator", level: "MUST", text: "A replay has replayed: true.", cases: ["MA07", "MR03"] },
    {
      section: "Conflict",
      level: "MUST",
      text: "A conflict has a code and a message, and nothing of the first call.",
      cases: ["MA10"],
    },
    { section: "Error handling", level: "SHOULD", text: "An error is in both layers.", cases: ["MA11"] },
    untested("SI sessions", "MUST", "Keys of messages belong to a session.", "this run has no session"),
    untested("Buyer obligations", "MUST", "Each request has another key, and its retry the same key and bytes."),
    {
      section: "Buyer obligations",
      level: "MUST",
      text: "Keys have 16 to 255 characters.",
      cases: ["MA03", "MA04", "MA05", "MA06", "MK06", "MK07"],
    },
    {
      section: "Buyer obligations",
      level: "MUST",
      text: "get_adcp_capabilities needs no key.",
      cases: ["MA01"],
    },
    untested("Buyer obligations", "MUST", "Stored answers are encrypted.", "it is in the seller's database"),
    {
      section: "Natural keys",
      level: "MUST",
      text: "The key is what makes a retry safe, not the payload.",
      cases: ["MK08", "MC04"],
    },
  ],
};
