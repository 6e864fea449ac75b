import { NoResponse, NotApplicable } from "../../verdict.ts";
import { formatEffects, formatReply, type McpCase, mcpGuideUrl, passIf, specUrl } from "../mcp-case.ts";
import type { HeaderList } from "../../test-request.ts";
import { isDone, type McpProbe, resultOf } from "../mcp-probe.ts";

function othersOf({ target: { otherHeaders } }: McpProbe): HeaderList {
  if (otherHeaders === undefined) throw new NotApplicable("needs a second principal's headers");
  return otherHeaders;
}

/** The caller that a key belongs to. */
export const scope: readonly McpCase[] = [
  {
    id: "MS01",
    title: "Two callers with one key have an effect each",
    reason: "Keys are made by callers, who do not know of each other.",
    rule: mcpGuideUrl("MS01"),
    run: async (probe) => {
      const [call, others] = [probe.newCall(), othersOf(probe)];
      const other = await probe.connect(others);
      const { effects } = await probe.tally(async () => [
        ...(await probe.call(call)),
        await other.send("tools/call", probe.paramsOf(call)).reply,
      ]);
      return passIf(effects === 2, formatEffects(effects));
    },
  },
  {
    id: "MS02",
    title: "No caller gets another's result",
    reason: "It is theirs: an address, a receipt.",
    rule: mcpGuideUrl("MS02"),
    run: async (probe) => {
      const [call, others] = [probe.newCall(), othersOf(probe)];
      const other = await probe.connect(others);
      const [first] = await probe.call(call);
      const second = await other.send("tools/call", probe.paramsOf(call)).reply;
      const isSame = isDone(second) && resultOf(first!) === resultOf(second);
      return passIf(!isSame, `${formatReply(first!)}, then ${formatReply(second)}`);
    },
  },
  {
    id: "MS03",
    title: "A caller without credentials gets nothing of it",
    reason: "A key is no secret, and so no credential.",
    rule: specUrl("basic/authorization"),
    run: async (probe) => {
      othersOf(probe);
      const call = probe.newCall();
      const [first] = await probe.call(call);
      try {
        const anonymous = await probe.connect([]);
        const reply = await anonymous.send("tools/call", probe.paramsOf(call)).reply;
        return passIf(!isDone(reply) || resultOf(reply) !== resultOf(first!), formatReply(reply));
      } catch (error) {
        if (error instanceof NoResponse) return passIf(true, error.message);
        throw error;
      }
    },
  },
];
