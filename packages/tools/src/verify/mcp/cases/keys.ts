import { NotApplicable } from "../../verdict.ts";
import { formatEffects, formatReply, type McpCase, mcpGuideUrl, passIf, specUrl, warnUnless } from "../mcp-case.ts";
import { isDone, type McpProbe, type TestCall, textOf } from "../mcp-probe.ts";

/** Two calls that differ in their keys alone: both have to have their effect. */
const judgeTwoKeys = (keys: (key: string) => readonly [string, string]) => async (probe: McpProbe) => {
  const call = probe.newCall();
  const [one, other] = keys(crypto.randomUUID());
  const { replies, effects } = await probe.tally(() => probe.call({ ...call, key: one }, { ...call, key: other }));
  const isRefused = !replies.some(isDone);
  return passIf(effects === 2 || isRefused, `${formatEffects(effects)}; ${formatReply(replies[1]!)}`);
};

/** Two equal calls with a value that is no key: they are refused, or are two, but never one for its sake. */
const judgeNoKey =
  (key: unknown, judge = passIf) =>
  async (probe: McpProbe) => {
    const call: TestCall = { ...probe.newCall(), key };
    const { replies, effects } = await probe.tally(() => probe.call(call, call));
    return judge(effects !== 1, `${formatEffects(effects)} of two calls; ${formatReply(replies[0]!)}`);
  };

/** True where the list of tools says this of the tool. */
async function hasHint(probe: McpProbe, hint: string): Promise<boolean> {
  const tool = (await probe.listTools()).find(({ name }) => name === probe.target.tool);
  return tool?.annotations?.[hint] === true;
}

/** Which keys are distinguished, and how a call without one ends. */
export const keys: readonly McpCase[] = [
  {
    id: "MK01",
    title: "A tool that says it is idempotent has no second effect without a key",
    reason: "A client that believes idempotentHint calls again, and knows of no keys.",
    rule: specUrl("schema#toolannotations-idempotenthint"),
    run: async (probe) => {
      const call: TestCall = { ...probe.newCall(), key: undefined };
      if (!(await hasHint(probe, "idempotentHint")))
        throw new NotApplicable("the tool does not say that it is idempotent");
      const { replies, effects } = await probe.tally(() => probe.call(call, call));
      return passIf(effects <= 1, `${formatEffects(effects)} of two calls; ${formatReply(replies[0]!)}`);
    },
  },
  {
    id: "MK02",
    title: "A refusal for want of a key does not tell the model to make one",
    reason: "It would, and another one for each try.",
    rule: mcpGuideUrl("MK02"),
    run: async (probe) => {
      const [reply] = await probe.call({ ...probe.newCall(), key: undefined });
      if (isDone(reply!)) throw new NotApplicable("a call without a key is executed");
      const text = textOf(reply!);
      const isTelling =
        /\b(?:generate|create|provide|add|include) (?:an?|the|your)?\s*(?:new |unique )?(?:idempotency|key|uuid)/i;
      return passIf(!isTelling.test(text), formatReply(reply!));
    },
  },
  {
    id: "MK03",
    title: "An empty key is no key",
    reason: "All calls of a harness that lost its key would be one.",
    rule: mcpGuideUrl("MK03"),
    run: judgeNoKey(""),
  },
  {
    id: "MK04",
    title: "An object is no key",
    reason: "As a text it is [object Object], the same for every call.",
    rule: mcpGuideUrl("MK04"),
    run: judgeNoKey({}),
  },
  {
    id: "MK05",
    title: "The text undefined is no key",
    reason: "It is what a template makes of a key that is missing, the same for every call.",
    rule: mcpGuideUrl("MK05"),
    // A warning: a text like any other is a key by the words of most APIs.
    run: judgeNoKey("undefined", warnUnless),
  },
  {
    id: "MK06",
    title: "Keys that differ in upper and lower case are two",
    reason: "Ids in base64 differ so: the second order would be swallowed.",
    rule: mcpGuideUrl("MK06"),
    run: judgeTwoKeys((key) => [`${key}-a`, `${key}-A`]),
  },
  {
    id: "MK07",
    title: "Keys that differ in their last character are two",
    reason: "A key that is cut off is that of another call.",
    rule: mcpGuideUrl("MK07"),
    run: judgeTwoKeys((key) => [`${"k".repeat(200)}${key}1`, `${"k".repeat(200)}${key}2`]),
  },
  {
    id: "MK08",
    title: "Equal calls with keys of their own are two",
    reason: "Two honest equal orders: a server that compares arguments swallows the second.",
    rule: mcpGuideUrl("MK08"),
    run: judgeTwoKeys((key) => [key, crypto.randomUUID()]),
  },
  {
    id: "MK09",
    title: "A tool that says it only reads has no effect",
    reason: "A harness calls such a tool without asking, and again after each lost answer.",
    rule: specUrl("schema#toolannotations-readonlyhint"),
    run: async (probe) => {
      const call = probe.newCall();
      if (!(await hasHint(probe, "readOnlyHint"))) return passIf(true, "the tool does not say that it only reads");
      const { replies, effects } = await probe.count(() => probe.call(call));
      return passIf(effects === 0, `${formatEffects(effects)}; ${formatReply(replies[0]!)}`);
    },
  },
];
