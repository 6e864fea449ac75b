import { formatEffects, formatReply, type McpCase, mcpGuideUrl, passIf, specUrl } from "../mcp-case.ts";
import { isDone, resultOf } from "../mcp-probe.ts";

/** Arguments that no schema of an object takes. */
const nonsense = "no object";

/** Calls that fail. */
export const errors: readonly McpCase[] = [
  {
    id: "ME01",
    title: "Arguments that are none are refused without an effect",
    reason: "A model gets its arguments wrong, and needs an error that says so.",
    rule: specUrl("server/tools#error-handling"),
    run: async (probe) => {
      const { args: _args, ...call } = probe.newCall();
      const { replies, effects } = await probe.tally(() => probe.call({ ...call, args: nonsense as never }));
      return passIf(effects === 0 && !isDone(replies[0]!), `${formatEffects(effects)}; ${formatReply(replies[0]!)}`);
    },
  },
  {
    id: "ME02",
    title: "A call that its schema refuses leaves its key free",
    reason: "Nothing happened, and the harness corrects the call under the key that it has.",
    rule: mcpGuideUrl("ME02"),
    run: async (probe) => {
      const call = probe.newCall();
      const [, second] = await probe.call({ ...call, args: nonsense as never }, call);
      return passIf(isDone(second!), formatReply(second!));
    },
  },
  {
    id: "ME03",
    title: "A call that the tool refuses has no effect, and says isError",
    reason: "A refusal that looks like a result is taken for done.",
    rule: specUrl("server/tools#error-handling"),
    run: async (probe) => {
      const { replies, effects } = await probe.tally(() => probe.call(probe.refusedCall()));
      return passIf(effects === 0 && !isDone(replies[0]!), `${formatEffects(effects)}; ${formatReply(replies[0]!)}`);
    },
  },
  {
    id: "ME04",
    title: "Its repeat gets the same refusal",
    reason: "The first one may have been lost, too.",
    rule: mcpGuideUrl("ME04"),
    run: async (probe) => {
      const call = probe.refusedCall();
      const [first, second] = await probe.call(call, call);
      return passIf(
        !isDone(second!) && resultOf(first!) === resultOf(second!),
        `${formatReply(first!)}, then ${formatReply(second!)}`,
      );
    },
  },
];
