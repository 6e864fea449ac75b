import { formatReply, judgeOneEffect, type McpCase, mcpGuideUrl, passIf, warnUnless } from "../mcp-case.ts";
import { isDone, resultOf } from "../mcp-probe.ts";

/** The answers to the repeats of a call. */
export const repeats: readonly McpCase[] = [
  {
    id: "MR01",
    title: "A repeat has no second effect",
    reason: "This is what keys are for: the result was lost, and the harness calls again.",
    rule: mcpGuideUrl("MR01"),
    run: async (probe) => {
      const call = probe.newCall();
      return judgeOneEffect(await probe.tally(() => probe.call(call, call)));
    },
  },
  {
    id: "MR02",
    title: "A repeat gets the first content",
    reason: "The model never saw the first one: the id that it needs is in there.",
    rule: mcpGuideUrl("MR02"),
    run: async (probe) => {
      const call = probe.newCall();
      const [first, second] = await probe.call(call, call);
      return passIf(resultOf(first!) === resultOf(second!), `${formatReply(first!)}, then ${formatReply(second!)}`);
    },
  },
  {
    id: "MR03",
    title: "A repeat is marked",
    reason: "A person who reads the trace has to see which of two calls was executed.",
    rule: mcpGuideUrl("MR03"),
    run: async (probe) => {
      const call = probe.newCall();
      const [, second] = await probe.call(call, call);
      const { _meta: meta = {} } = (second!.result ?? {}) as { _meta?: object };
      const marks = Object.keys(meta).filter((name) => /replay/i.test(name));
      return warnUnless(marks.length > 0, marks.length > 0 ? marks.join(", ") : "no mark in _meta");
    },
  },
  {
    id: "MR04",
    title: "So are the third and the fourth",
    reason: "A harness does not stop at the second try.",
    rule: mcpGuideUrl("MR04"),
    run: async (probe) => {
      const call = probe.newCall();
      return judgeOneEffect(await probe.tally(() => probe.call(call, call, call, call)));
    },
  },
  {
    id: "MR05",
    title: "A repeat on another connection is a repeat",
    reason: "The session died: that is why it is a repeat.",
    rule: mcpGuideUrl("MR05"),
    run: async (probe) => {
      const call = probe.newCall();
      return judgeOneEffect(
        await probe.tally(async () => {
          const [first] = await probe.call(call);
          const other = await probe.connect();
          return [first!, await other.send("tools/call", probe.paramsOf(call)).reply];
        }),
      );
    },
  },
  {
    id: "MR06",
    title: "A repeat that asks for progress is a repeat",
    reason: "The token for progress is another one for each request.",
    rule: mcpGuideUrl("MR06"),
    run: async (probe) => {
      const call = probe.newCall();
      const asking = { ...call, meta: { progressToken: "p-2" } };
      return judgeOneEffect(await probe.tally(() => probe.call(call, asking)));
    },
  },
  {
    id: "MR07",
    title: "Arguments in another order are the same",
    reason: "A harness that reads them back from its database has them in another order.",
    rule: mcpGuideUrl("MR07"),
    run: async (probe) => {
      const call = probe.newCall();
      const turned = { ...call, args: Object.fromEntries(Object.entries(call.args).toReversed()) };
      return judgeOneEffect(await probe.tally(() => probe.call(call, turned)));
    },
  },
  {
    id: "MR08",
    title: "A key is remembered for a while",
    reason: "A run is resumed when a person has looked, not at once.",
    rule: mcpGuideUrl("MR08"),
    run: async (probe) => {
      const call = probe.newCall();
      return judgeOneEffect(
        await probe.tally(async () => {
          const [first] = await probe.call(call);
          await probe.pause(probe.target.pauseMs);
          return [first!, ...(await probe.call(call))];
        }),
      );
    },
  },
  {
    id: "MR09",
    title: "Other calls in between change nothing",
    reason: "A server that keeps the last result alone has lost it by then.",
    rule: mcpGuideUrl("MR09"),
    run: async (probe) => {
      const call = probe.newCall();
      const others = Array.from({ length: 5 }, () => probe.newCall());
      const [first, ...rest] = await probe.call(call, ...others, call);
      const last = rest.at(-1)!;
      return passIf(
        isDone(last) && resultOf(first!) === resultOf(last),
        `${formatReply(first!)}, then ${formatReply(last)}`,
      );
    },
  },
];
