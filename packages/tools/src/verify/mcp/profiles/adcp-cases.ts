import { NotApplicable, type Verdict } from "../../verdict.ts";
import { formatEffects, formatReply, judgeOneEffect, type McpCase, passIf, warnUnless } from "../mcp-case.ts";
import type { Reply } from "../mcp-connection.ts";
import { isDone, type McpProbe, type TestCall } from "../mcp-probe.ts";
import { codeOf, envelopeOf } from "./adcp-reply.ts";

const page = "https://github.com/adcontextprotocol/adcp/blob/main/docs/building/by-layer/L1/security.mdx";
const sellerRule = `${page}#normative-seller-behavior`;
const equivalenceRule = `${page}#payload-equivalence`;
const wrapperRule = `${page}#server-side-tool-wrapper-conformance`;
const replayRule = `${page}#response-level-replay-indicator`;
const conflictRule = `${page}#idempotency_conflict-response-shape`;

/** The seller's own words on its keys, from `get_adcp_capabilities`. */
async function readPolicy(probe: McpProbe): Promise<{ supported?: unknown; replay_ttl_seconds?: unknown }> {
  const { reply } = probe.connection.send("tools/call", { name: "get_adcp_capabilities", arguments: {} });
  const { adcp } = envelopeOf(await reply).whole as { adcp?: { idempotency?: object } };
  return adcp?.idempotency ?? {};
}

const withArguments = (call: TestCall, more: object): TestCall => ({ ...call, args: { ...call.args, ...more } });

/** Two calls of one key. The second must count as the same, or as another. */
const judgePair =
  (second: "same" | "other", first: object, then: object) =>
  async (probe: McpProbe): Promise<Verdict> => {
    const call = probe.newCall();
    const { replies, effects } = await probe.tally(() =>
      probe.call(withArguments(call, first), withArguments(call, then)),
    );
    const [before, after] = replies;
    if (!isDone(before!)) throw new NotApplicable(`the first is refused: ${formatReply(before!)}`);
    const isRight = second === "same" ? isDone(after!) : codeOf(after!) === "IDEMPOTENCY_CONFLICT";
    return passIf(isRight && effects === 1, `${formatEffects(effects)}; ${formatReply(after!)}`);
  };

/** A call that must be refused as malformed, without an effect. */
const judgeMalformed =
  (key: string | undefined) =>
  async (probe: McpProbe): Promise<Verdict> => {
    const { replies, effects } = await probe.tally(() => probe.call({ ...probe.newCall(), key }));
    const isRight = ["INVALID_REQUEST", "VALIDATION_ERROR"].includes(String(codeOf(replies[0]!)));
    return passIf(isRight && effects === 0, `${formatEffects(effects)}; ${formatReply(replies[0]!)}`);
  };

const judgeKey = (key: (unique: string) => string) => async (probe: McpProbe) => {
  const [reply] = await probe.call({ ...probe.newCall(), key: key(crypto.randomUUID()) });
  return passIf(isDone(reply!), formatReply(reply!));
};

/** The conflict of a key that is used for another payload, and what both were. */
async function makeConflict(probe: McpProbe) {
  const call = probe.newCall();
  const [first, reply] = await probe.call(call, probe.withOtherArguments(call));
  if (isDone(reply!)) throw new NotApplicable("the second is not refused (MA09)");
  return { call, first: first!, reply: reply! };
}

const pushTo = (url: string, credentials: string): object => ({
  push_notification_config: { url, authentication: { schemes: ["Bearer"], credentials } },
});
const [secretOne, secretTwo] = ["s".repeat(32), "t".repeat(32)];

/** The cases that only sellers of the Ad Context Protocol have. */
export const adcpCases: readonly McpCase[] = [
  {
    id: "MA01",
    title: "The seller says for how long keys are stored: an hour to seven days",
    reason: "A buyer that knows no window must not send again, and so can't send safely at all.",
    rule: sellerRule,
    async run(probe) {
      const { supported, replay_ttl_seconds: seconds } = await readPolicy(probe);
      const isRight = supported !== false && typeof seconds === "number" && seconds >= 3600 && seconds <= 604_800;
      return passIf(isRight, `supported: ${String(supported)}, replay_ttl_seconds: ${String(seconds)}`);
    },
  },
  {
    id: "MA02",
    title: "Without a key: INVALID_REQUEST",
    reason: "A caller that forgets its key believes itself protected.",
    rule: sellerRule,
    run: judgeMalformed(undefined),
  },
  {
    id: "MA03",
    title: "A key of fewer than 16 characters: INVALID_REQUEST",
    reason: "A short key can be guessed, and another's answer read.",
    rule: `${page}#buyer-obligations`,
    run: judgeMalformed("retry-001"),
  },
  {
    id: "MA04",
    title: "A key with other characters: INVALID_REQUEST",
    reason: "Keys are letters, digits, underscores, full stops, colons and hyphens.",
    rule: `${page}#buyer-obligations`,
    run: judgeMalformed("a key with spaces in it"),
  },
  {
    id: "MA05",
    title: "A key of 16 characters is taken",
    reason: "It is the shortest that the schema allows.",
    rule: `${page}#buyer-obligations`,
    run: judgeKey((unique) => unique.replaceAll("-", "").slice(0, 16)),
  },
  {
    id: "MA06",
    title: "A key of 255 characters is taken",
    reason: "It is the longest that the schema allows.",
    rule: `${page}#buyer-obligations`,
    run: judgeKey((unique) => `${unique}${".:_-".repeat(60)}`.slice(0, 255)),
  },
  {
    id: "MA07",
    title: "A repeat has replayed: true, and the first has not",
    reason: "An agent that acts on an answer acts twice, unless the answer says that it is a repeat.",
    rule: replayRule,
    async run(probe) {
      const call = probe.newCall();
      const [before, after] = (await probe.call(call, call)).map((reply) => envelopeOf(reply).replayed);
      return passIf(before !== true && after === true, `first: ${String(before)}; repeat: ${String(after)}`);
    },
  },
  {
    id: "MA08",
    title: "A failure is not stored: its key runs the corrected call",
    reason: "A buyer's mistake would use up its key for the whole window.",
    rule: sellerRule,
    async run(probe) {
      const refused = probe.refusedCall();
      const { replies, effects } = await probe.tally(() =>
        probe.call(refused, { ...probe.newCall(), key: refused.key }),
      );
      if (isDone(replies[0]!)) throw new NotApplicable(`what should be refused gets ${formatReply(replies[0]!)}`);
      return passIf(isDone(replies[1]!) && effects === 1, `${formatEffects(effects)}; ${formatReply(replies[1]!)}`);
    },
  },
  {
    id: "MA09",
    title: "Another payload under a key: IDEMPOTENCY_CONFLICT, and no effect",
    reason: "The second would be lost silently, or executed under a key that belongs to the first.",
    rule: sellerRule,
    async run(probe) {
      const call = probe.newCall();
      const { replies, effects } = await probe.tally(() => probe.call(call, probe.withOtherArguments(call)));
      const isRight = codeOf(replies[1]!) === "IDEMPOTENCY_CONFLICT" && effects === 1;
      return passIf(isRight, `${formatEffects(effects)}; ${formatReply(replies[1]!)}`);
    },
  },
  {
    id: "MA10",
    title: "A conflict shows nothing of the first payload",
    reason: "A thief of the key could read what was ordered.",
    rule: conflictRule,
    async run(probe) {
      const { call, first, reply } = await makeConflict(probe);
      const { error = {}, whole } = envelopeOf(reply);
      const odd = Object.keys(error).filter((name) => ["field", "details", "suggestion"].includes(name));
      const secrets = [call.key, ...Object.values(call.args), ...Object.values(envelopeOf(first).whole)];
      const said = JSON.stringify(whole);
      const leaked = secrets.filter((text) => typeof text === "string" && text.length > 8 && said.includes(text));
      return passIf(
        odd.length + leaked.length === 0,
        `members: ${Object.keys(error).join(", ")}; ${leaked.length} values of the first call or its answer`,
      );
    },
  },
  {
    id: "MA11",
    title: "A conflict is reported in both layers: adcp_error, and errors",
    reason: "A buyer's library reads one of them, and takes a silent one for success.",
    rule: "https://github.com/adcontextprotocol/adcp/blob/main/docs/building/by-layer/L3/error-handling.mdx",
    async run(probe) {
      const { whole } = envelopeOf((await makeConflict(probe)).reply);
      const { adcp_error: one, errors } = whole as { adcp_error?: { code?: unknown }; errors?: { code?: unknown }[] };
      const [code, inner] = [one?.code, errors?.[0]?.code];
      return warnUnless(code === inner && code !== undefined, `adcp_error: ${String(code)}; errors: ${String(inner)}`);
    },
  },
  {
    id: "MA12",
    title: "A duplicate of a running call waits, or gets IDEMPOTENCY_IN_FLIGHT with retry_after",
    reason: "By any other answer the buyer makes another key, and with it another purchase.",
    rule: sellerRule,
    async run(probe) {
      const call = probe.newCall();
      const replies = await sendTogether(
        probe,
        Array.from({ length: 10 }, () => call),
      );
      const early = replies.filter((reply) => !isDone(reply));
      const { replay_ttl_seconds: most = Number.POSITIVE_INFINITY } = await readPolicy(probe);
      const isRight = (reply: Reply): boolean => {
        const { retry_after: seconds } = (envelopeOf(reply).error ?? {}) as { retry_after?: unknown };
        const isWait = typeof seconds === "number" && seconds > 0 && seconds <= Number(most);
        return codeOf(reply) === "IDEMPOTENCY_IN_FLIGHT" && isWait;
      };
      return passIf(early.every(isRight), early.length === 0 ? "all got the result" : formatReply(early[0]!));
    },
  },
  {
    id: "MA13",
    title: "Another payload beside a running call gets IDEMPOTENCY_CONFLICT",
    reason: "In flight would say: wait. The wait ends in a conflict.",
    rule: sellerRule,
    async run(probe) {
      const call = probe.newCall();
      const other = probe.withOtherArguments(call);
      const calls = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? call : other));
      const { replies, effects } = await probe.tally(() => sendTogether(probe, calls));
      const served = [0, 1].filter((kind) => replies.some((reply, at) => at % 2 === kind && isDone(reply)));
      const wrong = replies.filter((reply, at) => at % 2 !== served[0] && codeOf(reply) !== "IDEMPOTENCY_CONFLICT");
      const isRight = effects === 1 && served.length === 1 && wrong.length === 0;
      return passIf(isRight, `${formatEffects(effects)}; ${served.length} of 2 payloads ran; ${wrong.length} untold`);
    },
  },
  {
    id: "MA14",
    title: "Another context is the same call",
    reason: "It holds traces, which are new in each attempt.",
    rule: equivalenceRule,
    run: judgePair("same", { context: { trace: "1" } }, { context: { trace: "2" } }),
  },
  {
    id: "MA15",
    title: "Another governance_context is the same call",
    reason: "It is a token, which is refreshed between attempts.",
    rule: equivalenceRule,
    run: judgePair("same", { governance_context: secretOne }, { governance_context: secretTwo }),
  },
  {
    id: "MA16",
    title: "Other credentials for notifications are the same call",
    reason: "They are rotated.",
    rule: equivalenceRule,
    run: judgePair(
      "same",
      pushTo("https://buyer.invalid/hook", secretOne),
      pushTo("https://buyer.invalid/hook", secretTwo),
    ),
  },
  {
    id: "MA17",
    title: "Another URL for notifications is another call",
    reason: "The notification would go to another place, or to none.",
    rule: equivalenceRule,
    run: judgePair(
      "other",
      pushTo("https://buyer.invalid/hook", secretOne),
      pushTo("https://buyer.invalid/other", secretOne),
    ),
  },
  {
    id: "MA18",
    title: "Another ext is another call",
    reason: "The list of what does not count is closed.",
    rule: equivalenceRule,
    run: judgePair("other", { ext: { verify: 1 } }, { ext: { verify: 2 } }),
  },
  {
    id: "MA19",
    title: "null and a missing member are two calls",
    reason: "null clears a field, and a missing one leaves it as it is.",
    rule: equivalenceRule,
    run: judgePair("other", { ext: { verify: null } }, { ext: {} }),
  },
  {
    id: "MA20",
    title: "The members around a call are taken by every tool",
    reason: "A buyer's library sends them with each call. A strict schema refuses them all.",
    rule: wrapperRule,
    async run(probe) {
      const around = { idempotency_key: crypto.randomUUID(), context: {}, governance_context: secretOne };
      const params = { name: "get_adcp_capabilities", arguments: { ...around, context_id: crypto.randomUUID() } };
      const reply = await probe.connection.send("tools/call", params).reply;
      return passIf(isDone(reply), isDone(reply) ? "taken" : formatReply(reply));
    },
  },
  {
    id: "MA21",
    title: "Duplicates at once end in one result",
    reason: "The buyer's time-out is shorter than the seller's ad server.",
    rule: sellerRule,
    async run(probe) {
      const call = probe.newCall();
      return judgeOneEffect(
        await probe.tally(async () => [
          ...(await sendTogether(probe, [call, call])).filter(isDone),
          await probe.settle(call),
        ]),
      );
    },
  },
];

const sendTogether = (probe: McpProbe, calls: readonly TestCall[]): Promise<Reply[]> =>
  Promise.all(calls.map((call) => probe.connection.send("tools/call", probe.paramsOf(call)).reply));
