import { setTimeout as sleep } from "node:timers/promises";
import { formatEffects, formatReply, judgeOneEffect, type McpCase, mcpGuideUrl, passIf, specUrl } from "../mcp-case.ts";
import { isDone, type McpProbe, type TestCall } from "../mcp-probe.ts";

/** Sends a call, and cancels it at once. */
async function cancel(probe: McpProbe, call: TestCall): Promise<void> {
  const { id, reply } = probe.connection.send("tools/call", probe.paramsOf(call));
  reply.catch(() => undefined);
  await probe.connection.notify("notifications/cancelled", { requestId: id, reason: "the user went away" });
}

/** Sends a call over a connection that is lost some time later, before anybody reads the answer. */
async function lose(probe: McpProbe, call: TestCall, afterMs: number): Promise<void> {
  const other = await probe.connect();
  other.send("tools/call", probe.paramsOf(call)).reply.catch(() => undefined);
  await sleep(afterMs);
  await other.cut();
}

/** A call that is lost after each of these times, and then repeated. */
const judgeLost = (afterMs: number) => async (probe: McpProbe) => {
  const call = probe.newCall();
  return judgeOneEffect(
    await probe.count(async () => {
      await lose(probe, call, afterMs);
      return [await probe.settle(call), ...(await probe.call(call))];
    }),
  );
};

/** Callers that cancel, or are gone. */
export const disconnects: readonly McpCase[] = [
  {
    id: "MD01",
    title: "A call that is cancelled and repeated has one effect",
    reason: "A cancellation may come too late: the work is done, and its result must be stored.",
    rule: specUrl("basic/utilities/cancellation#timing-considerations"),
    run: async (probe) => {
      const call = probe.newCall();
      return judgeOneEffect(
        await probe.count(async () => {
          await cancel(probe, call);
          return [await probe.settle(call)];
        }),
      );
    },
  },
  {
    id: "MD02",
    title: "The repeat gets its result",
    reason: "A call that is cancelled for good looks the same as one that is lost.",
    rule: mcpGuideUrl("MD02"),
    run: async (probe) => {
      const call = probe.newCall();
      await cancel(probe, call);
      const reply = await probe.settle(call);
      await probe.untilQuiet();
      return passIf(isDone(reply), formatReply(reply));
    },
  },
  {
    id: "MD03",
    title: "A call that loses its connection at once has one effect with its repeat",
    reason: "The server may have begun, or may not.",
    rule: mcpGuideUrl("MD03"),
    run: judgeLost(0),
  },
  {
    id: "MD04",
    title: "A call that loses its connection while it runs has one effect with its repeat",
    reason: "A lost connection is no cancellation, whatever the transport makes of it.",
    rule: mcpGuideUrl("MD04"),
    run: judgeLost(3),
  },
  {
    id: "MD05",
    title: "A call that loses its answer has one effect with its repeat",
    reason: "The effect has happened, and the caller does not know it.",
    rule: mcpGuideUrl("MD05"),
    run: judgeLost(500),
  },
  {
    id: "MD06",
    title: "Five callers of one call that are gone leave one effect",
    reason: "A harness with a short time-out leaves five times before it waits.",
    rule: mcpGuideUrl("MD06"),
    run: async (probe) => {
      const call = probe.newCall();
      const { replies, effects } = await probe.count(async () => {
        for (let at = 0; at < 5; at += 1) await cancel(probe, call);
        return [await probe.settle(call)];
      });
      return passIf(effects === 1, `${formatEffects(effects)}; ${formatReply(replies[0]!)}`);
    },
  },
];
