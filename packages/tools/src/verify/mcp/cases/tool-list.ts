import { NotApplicable } from "../../verdict.ts";
import { type McpCase, mcpGuideUrl, passIf, specUrl, warnUnless } from "../mcp-case.ts";
import type { ListedTool, McpProbe } from "../mcp-probe.ts";

/** The names of the tools that are not as they should be. */
const namesOf = (tools: readonly ListedTool[]): string =>
  tools.length === 0 ? "none" : tools.map(({ name }) => JSON.stringify(name)).join(", ");

const listed = async (probe: McpProbe): Promise<readonly ListedTool[]> => {
  const tools = await probe.listTools();
  if (tools.length === 0) throw new NotApplicable("the server lists no tools");
  return tools;
};

const isWriting = ({ annotations }: ListedTool): boolean => annotations?.["readOnlyHint"] !== true;

/** All that a model reads of a tool. */
const wordsOf = ({ description = "", inputSchema }: ListedTool): string =>
  [description, ...Object.values(inputSchema?.properties ?? {}).map((property) => property.description ?? "")].join(
    " ",
  );

const keyWords = /idempotenc/i;
const orderToMake = /\b(?:generat|creat|mak|unique|random|new|uuid|fresh)/i;

/** The descriptions of a server's tools. Nothing is called. */
export const toolList: readonly McpCase[] = [
  {
    id: "MT01",
    title: "The list of tools is answered, and has one",
    reason: "A harness finds tools by their list alone.",
    rule: specUrl("server/tools#listing-tools"),
    run: async (probe) => {
      const tools = await probe.listTools();
      return passIf(tools.length > 0, `${tools.length} tools`);
    },
  },
  {
    id: "MT02",
    title: "Each tool has a unique name",
    reason: "Of two tools of one name a call reaches either.",
    rule: specUrl("server/tools#tool-names"),
    run: async (probe) => {
      const tools = await listed(probe);
      const names = new Set(tools.map(({ name }) => name));
      return passIf(names.size === tools.length, `${tools.length} tools, ${names.size} names`);
    },
  },
  {
    id: "MT03",
    title: "A tool's name is 1 to 128 letters, digits, underscores, hyphens and dots",
    reason: "Harnesses refuse others, or rename them: then a stored call finds its tool no more.",
    rule: specUrl("server/tools#tool-names"),
    run: async (probe) => {
      const odd = (await listed(probe)).filter(({ name }) => !/^[\w.-]{1,128}$/.test(name));
      return warnUnless(odd.length === 0, `others: ${namesOf(odd)}`);
    },
  },
  {
    id: "MT04",
    title: "Each tool takes an object",
    reason: "Arguments that can't be named can't be compared.",
    rule: specUrl("server/tools#tool"),
    run: async (probe) => {
      const odd = (await listed(probe)).filter(({ inputSchema }) => inputSchema?.type !== "object");
      return passIf(odd.length === 0, `without: ${namesOf(odd)}`);
    },
  },
  {
    id: "MT05",
    title: "A tool that writes says whether it may be called again",
    reason: "Without idempotentHint a client has to guess what a retry does.",
    rule: specUrl("schema#toolannotations-idempotenthint"),
    run: async (probe) => {
      const silent = (await listed(probe)).filter(
        (tool) => isWriting(tool) && typeof tool.annotations?.["idempotentHint"] !== "boolean",
      );
      return warnUnless(silent.length === 0, `silent: ${namesOf(silent)}`);
    },
  },
  {
    id: "MT06",
    title: "No tool both only reads and destroys",
    reason: "A client that asks its user before anything destructive believes one of the two.",
    rule: specUrl("schema#toolannotations"),
    run: async (probe) => {
      const both = (await listed(probe)).filter(
        ({ annotations }) => annotations?.["readOnlyHint"] === true && annotations["destructiveHint"] === true,
      );
      return passIf(both.length === 0, `both: ${namesOf(both)}`);
    },
  },
  {
    id: "MT07",
    title: "No tool asks the model to make a key",
    reason: "A model makes another key when it tries again, and the second try is a second effect.",
    rule: mcpGuideUrl("MT07"),
    run: async (probe) => {
      const telling = (await listed(probe)).filter(
        (tool) => keyWords.test(wordsOf(tool)) && orderToMake.test(wordsOf(tool)),
      );
      return passIf(telling.length === 0, `they do: ${namesOf(telling)}`);
    },
  },
  {
    id: "MT08",
    title: "No tool asks the model for a key by an argument",
    reason: "A model fills in every argument that it is shown, and calls it a key.",
    rule: mcpGuideUrl("MT08"),
    run: async (probe) => {
      const asking = (await listed(probe)).filter(({ inputSchema }) =>
        Object.keys(inputSchema?.properties ?? {}).some((name) => keyWords.test(name)),
      );
      return passIf(asking.length === 0, `they do: ${namesOf(asking)}`);
    },
  },
  {
    id: "MT09",
    title: "A tool that takes a key says so in its _meta",
    reason: "A harness that does not know that the tool takes keys can't call again.",
    rule: mcpGuideUrl("MT09"),
    run: async (probe) => {
      const silent = (await listed(probe)).filter(({ name, _meta: meta }) => {
        return name === probe.target.tool && !Object.keys(meta ?? {}).some((key) => keyWords.test(key));
      });
      if (probe.target.tool === undefined) throw new NotApplicable("needs a tool to call");
      return warnUnless(silent.length === 0, `silent: ${namesOf(silent)}`);
    },
  },
  {
    id: "MT10",
    title: "The list is the same when it is asked for again",
    reason: "A run that is resumed has to find the tools that it has called.",
    rule: specUrl("server/tools#listing-tools"),
    run: async (probe) => {
      const [first, second] = [await listed(probe), await listed(probe)];
      return passIf(JSON.stringify(first) === JSON.stringify(second), `${first.length} tools, then ${second.length}`);
    },
  },
  {
    id: "MT11",
    title: "The list is the same on another connection",
    reason: "A session dies, and the run goes on in the next one.",
    rule: specUrl("server/tools#listing-tools"),
    run: async (probe) => {
      const first = await listed(probe);
      const { result } = await (await probe.connect()).send("tools/list", {}).reply;
      const names = ((result?.["tools"] ?? []) as readonly ListedTool[]).map(({ name }) => name);
      return passIf(
        first.every(({ name }) => names.includes(name)),
        `${first.length} tools, then ${names.length}`,
      );
    },
  },
  {
    id: "MT12",
    title: "A tool that does not exist is an error",
    reason: "A model that misspells a tool would take its empty result for done.",
    rule: specUrl("server/tools#error-handling"),
    run: async (probe) => {
      const { result } = await probe.connection.send("tools/call", { name: "no_such_tool_here", arguments: {} }).reply;
      return passIf(result === undefined || result["isError"] === true, result === undefined ? "an error" : "a result");
    },
  },
  {
    id: "MT13",
    title: "A cancellation of what was never asked does no harm",
    reason: "A cancellation that crosses the answer on its way names a request that has ended.",
    rule: specUrl("basic/utilities/cancellation"),
    run: async (probe) => {
      await probe.connection.notify("notifications/cancelled", { requestId: 987_654, reason: "late" });
      const { error } = await probe.connection.send("ping", {}).reply;
      return passIf(error === undefined, error === undefined ? "it goes on" : `error ${error.code}`);
    },
  },
];
