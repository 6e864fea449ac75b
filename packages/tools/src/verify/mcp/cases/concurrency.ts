import { formatEffects, judgeOneEffect, type McpCase, mcpGuideUrl, passIf } from "../mcp-case.ts";
import { isDone, isNotNow } from "../mcp-probe.ts";

/** Calls at the same time. */
export const concurrency: readonly McpCase[] = [
  {
    id: "MC01",
    title: "Of ten equal calls at once one has its effect",
    reason: "After its time-out a harness calls again, while the first call runs.",
    rule: mcpGuideUrl("MC01"),
    run: async (probe) => {
      const call = probe.newCall();
      return judgeOneEffect(
        await probe.tally(async () => {
          const replies = await Promise.all(Array.from({ length: 10 }, () => probe.call(call)));
          return [...replies.flat(), await probe.settle(call)];
        }),
      );
    },
  },
  {
    id: "MC02",
    title: "Each of them gets the result, or the answer that it runs",
    reason: "An error would be taken for a call that failed, and be made anew.",
    rule: mcpGuideUrl("MC02"),
    run: async (probe) => {
      const call = probe.newCall();
      const replies = (await Promise.all(Array.from({ length: 10 }, () => probe.call(call)))).flat();
      const others = replies.filter((reply) => !isDone(reply) && !isNotNow(reply));
      return passIf(others.length === 0, `${replies.filter(isDone).length} results, ${others.length} others`);
    },
  },
  {
    id: "MC03",
    title: "Nor have two connections at once two effects",
    reason: "Two processes resume the same run.",
    rule: mcpGuideUrl("MC03"),
    run: async (probe) => {
      const call = probe.newCall();
      const other = await probe.connect();
      return judgeOneEffect(
        await probe.tally(async () => {
          const both = [probe.call(call), other.send("tools/call", probe.paramsOf(call)).reply];
          const replies = (await Promise.all(both)).flat();
          return [...replies, await probe.settle(call)];
        }),
      );
    },
  },
  {
    id: "MC04",
    title: "Ten calls at once with keys of their own have ten effects",
    reason: "Calls in parallel are how harnesses work: none may be swallowed.",
    rule: mcpGuideUrl("MC04"),
    run: async (probe) => {
      const calls = Array.from({ length: 10 }, () => probe.newCall());
      const { effects } = await probe.tally(async () =>
        (await Promise.all(calls.map((call) => probe.call(call)))).flat(),
      );
      return passIf(effects === 10, formatEffects(effects));
    },
  },
];
