import type { ConformanceCase } from "../conformance-case.ts";
import { judgeDuplicates } from "../judges.ts";
import { isNotNow, type Probe, isSuccess } from "../probe.ts";
import { draftUrl, guideUrl, rfcUrl } from "../rules.ts";
import type { SendMode } from "../sending.ts";
import { formatCount, formatResponse } from "../format.ts";
import type { TestRequest } from "../test-request.ts";
import { NotApplicable, type Verdict, makeVerdict } from "../verdict.ts";

/** Sends a request in a way in which its answer is lost, then again until there is one: one effect in all. */
const judgeLostThenRepeat =
  (mode: SendMode, times = 1) =>
  async (probe: Probe): Promise<Verdict> => {
    const { strictness } = probe.target;
    const request = probe.newOperation();
    const requests = Array.from({ length: times }, () => request);
    const { responses, effects } = await probe.count(async () => {
      await probe.sendAs(mode, ...requests);
      return [await probe.settle(request), ...(await probe.send(request))];
    });
    const [settled, again] = responses;
    const observed = `${formatCount(effects, "effect")}; then ${formatResponse(settled!)}`;
    if (effects > 1 || !isSuccess(settled!)) {
      // An operation with an unknown outcome may be held. That loses no money, but needs a person.
      return makeVerdict(effects <= 1 && isNotNow(settled!) ? "warn" : "fail", strictness, observed);
    }
    if (effects === 1 && settled!.body.equals(again!.body)) return makeVerdict("pass", strictness, observed);
    return makeVerdict("fail", strictness, `${observed}; then ${formatResponse(again!)}`);
  };

/** A way of sending in which the server gets the request whole, if not at once. */
const judgeMode = (mode: SendMode) => judgeDuplicates((probe, request) => probe.sendAs(mode, request));

const requireBody = (request: TestRequest): TestRequest => {
  if (request.body.length < 2) throw new NotApplicable("needs a body");
  return request;
};

/** Callers that hang up. */
export const disconnects: readonly ConformanceCase[] = [
  {
    id: "D01",
    title: "Sent, then closed, then sent again: one effect",
    reason: "The caller's time-out is over; the server is not done.",
    rule: draftUrl("1"),
    run: judgeLostThenRepeat("then-close"),
  },
  {
    id: "D02",
    title: "Sent, then reset, then sent again: one effect",
    reason: "A process that dies resets its connections. A server that cancels the work has to know how far it came.",
    rule: draftUrl("1"),
    run: judgeLostThenRepeat("then-reset"),
  },
  {
    id: "D03",
    title: "An answer that broke off comes whole to the repeat",
    reason: "The record must not depend on the caller having read the answer.",
    rule: draftUrl("1"),
    run: judgeLostThenRepeat("reset-in-answer"),
  },
  {
    id: "D04",
    title: "Five callers hang up, then one asks: one effect",
    reason: "A server that frees a key when its caller is gone frees it for the next, five times.",
    rule: draftUrl("1"),
    run: judgeLostThenRepeat("then-reset", 5),
  },
  {
    id: "D05",
    title: "Half a body has no effect, and does not use up its key",
    reason: "What did not arrive whole did not arrive; a fingerprint of half a body refuses the whole one.",
    rule: rfcUrl(9112, "8"),
    async run(probe) {
      requireBody(probe.newOperation());
      return judgeLostThenRepeat("half-then-close")(probe);
    },
  },
  {
    id: "D06",
    title: "A body in small pieces is one request",
    reason: "Who looks at the first piece only takes it for the body.",
    rule: rfcUrl(9112, "6.3"),
    run: judgeMode("in-pieces"),
  },
  {
    id: "D07",
    title: "Expect: 100-continue is one request",
    reason: "curl sends it with larger bodies, and its body comes later than its key.",
    rule: rfcUrl(9110, "10.1.1"),
    run: judgeMode("expect-continue"),
  },
  {
    id: "D08",
    title: "A caller that stands still does not hold the key",
    reason: "A key that is claimed before the body is there is locked by a caller on a dying network.",
    rule: guideUrl("D08"),
    async run(probe) {
      const request = requireBody(probe.newOperation());
      const { responses, effects } = await probe.count(() => probe.sendAs("beside-a-stalled", request, request));
      const grade = effects > 1 ? "fail" : isSuccess(responses[0]!) ? "pass" : "fail/warn";
      const observed = `${formatCount(effects, "effect")}; the other: ${formatResponse(responses[0]!)}`;
      return makeVerdict(grade, probe.target.strictness, observed);
    },
  },
];
