import { formatEffects, formatReply, type McpCase, mcpGuideUrl, passIf } from "../mcp-case.ts";
import { isDone, resultOf } from "../mcp-probe.ts";

/** One key, and other arguments. */
export const fingerprint: readonly McpCase[] = [
  {
    id: "MF01",
    title: "One key for two calls has one effect",
    reason: "A harness that mixes its keys up must not have two.",
    rule: mcpGuideUrl("MF01"),
    run: async (probe) => {
      const call = probe.newCall();
      const { replies, effects } = await probe.tally(() => probe.call(call, probe.withOtherArguments(call)));
      return passIf(effects === 1, `${formatEffects(effects)}; ${formatReply(replies[1]!)}`);
    },
  },
  {
    id: "MF02",
    title: "The second of them is refused",
    reason: "The model would take the result of the first for that of the second.",
    rule: mcpGuideUrl("MF02"),
    run: async (probe) => {
      const call = probe.newCall();
      const [, second] = await probe.call(call, probe.withOtherArguments(call));
      return passIf(!isDone(second!), formatReply(second!));
    },
  },
  {
    id: "MF03",
    title: "The first is answered as before",
    reason: "A mistake elsewhere must not cost its result.",
    rule: mcpGuideUrl("MF03"),
    run: async (probe) => {
      const call = probe.newCall();
      const [first, , third] = await probe.call(call, probe.withOtherArguments(call), call);
      return passIf(resultOf(first!) === resultOf(third!), `${formatReply(first!)}, then ${formatReply(third!)}`);
    },
  },
];
