import { formatCount } from "../response-text.ts";
import { about, type Facts, fillSay, makeEvaluate, memberAt, readPlain, type SayField } from "../suite/expressions.ts";
import type { ListedTool, McpRequest, McpResponse } from "./mcp-messages.ts";
import type { McpTarget } from "./mcp-options.ts";
import { envelopeOf } from "./profiles/adcp-reply.ts";
import { formatReply, isDone, isNotNow, resultOf, textOf } from "./replies.ts";

/** The facts about an MCP server. */
export interface McpFacts extends Facts<McpRequest, McpResponse> {
  readonly target: McpTarget;
  /** The lists of tools of this case, the last one last. */
  readonly lists: readonly (readonly ListedTool[])[];
}

/** The value of an expression. */
export const evaluateMcp = makeEvaluate<McpFacts>(() => ({
  done: about((response) => "reply" in response && isDone(response.reply)),
  "not-now": about((response) => "reply" in response && isNotNow(response.reply)),
  result: about((response) => ("reply" in response ? resultOf(response.reply) : "")),
  words: about(wordsOf),
  member: about((response, path) => readPlain(viewOf(response), path.map(String))),
  members: about((response, path) => namesAt(response, path.map(String)).join(" ")),
  shown: about((response, [name, at], { requests, responses }) =>
    shownIn(response, requests.get(String(name))!, responses.at(Number(at))!),
  ),
  "listed-before": ([what], { lists }) => {
    const [before = [], last = []] = lists.slice(-2);
    if (what === "whole") return JSON.stringify(before) === JSON.stringify(last);
    const names = new Set(last.map(({ name }) => name));
    return before.every(({ name }) => names.has(name));
  },
  option: ([name], { target }) => readPlain(target, [String(name)]),
}));

/** The members of a response that a case can judge: of JSON-RPC, and those that the Ad Context Protocol has in a result. */
function viewOf(response: McpResponse): object {
  if ("tool" in response) return response.tool;
  if ("silence" in response) return {};
  const { whole, error } = envelopeOf(response.reply);
  return { ...response.reply, payload: whole, failure: error };
}

const namesAt = (response: McpResponse, path: readonly string[]): string[] =>
  Object.keys(memberAt(viewOf(response), path) ?? {});

/** The texts of a reply, or all that a model reads of a tool. */
function wordsOf(response: McpResponse): string {
  if ("silence" in response) return response.silence;
  if ("reply" in response) return textOf(response.reply);
  const { description = "", inputSchema } = response.tool;
  const properties = Object.values(inputSchema?.properties ?? {});
  return [description, ...properties.map((property) => property.description ?? "")].join(" ");
}

/** The length from which a text is no word that any two answers share, characters. */
const secretMin = 9;

/** How many of the texts of a call and of its answer are in a response. */
function shownIn(response: McpResponse, request: McpRequest, answer: McpResponse): number {
  const call = "method" in request ? [] : [request.key, ...Object.values(request.args ?? {})];
  const texts: unknown[] = [...call, ...Object.values(memberAt(viewOf(answer), ["payload"]) ?? {})];
  const said = JSON.stringify(memberAt(viewOf(response), ["payload"]) ?? null);
  return texts.filter((text) => typeof text === "string" && text.length >= secretMin && said.includes(text)).length;
}

/** The text of a rule, with what was seen filled in. */
export const sayMcp = (text: string, facts: McpFacts): string => fillSay(text, fields, facts);

const numberOf = (operator: string, facts: McpFacts): string => String(evaluateMcp(["number", [operator]], facts));
const responseAt = ({ responses }: McpFacts, at = "0"): McpResponse => responses.at(Number(at))!;

function formatResponse(response: McpResponse): string {
  if ("silence" in response) return response.silence;
  return "tool" in response ? JSON.stringify(response.tool.name) : formatReply(response.reply);
}

const fields: Readonly<Record<string, SayField<McpFacts>>> = {
  effects: ({ effects = 0 }) => formatCount(effects, "effect"),
  results: (facts) => formatCount(Number(evaluateMcp(["distinct", ["result"], ["done"]], facts)), "different result"),
  response: (facts, at) => formatResponse(responseAt(facts, at)),
  responses: ({ responses }) =>
    Array.from(
      Map.groupBy(responses.map(formatResponse), (text) => text),
      ([text, { length }]) => (length === 1 ? text : `${text} (${length} times)`),
    ).join(", "),
  names: ({ responses }) => responses.map(formatResponse).join(", "),
  number: (facts, operator) => (operator ? numberOf(operator, facts) : String(facts.responses.length)),
  distinct: (facts, name = "") => String(evaluateMcp(["distinct", ["member", name], true], facts)),
  member: (facts, at, ...path) => String(readPlain(viewOf(responseAt(facts, at)), path)),
  members: (facts, at, ...path) => namesAt(responseAt(facts, at), path).join(", "),
  shown: (facts, at, name = "", of = "0") => String(evaluateMcp(["shown", Number(at), name, Number(of)], facts)),
};
