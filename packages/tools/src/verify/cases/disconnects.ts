import type { ConformanceCase } from "../conformance-case.ts";
import { duplicates } from "../judges.ts";
import { isLater, type Probe, succeeded } from "../probe.ts";
import { draft, guide, rfc } from "../rules.ts";
import type { SendMode } from "../sending.ts";
import { counted, shown } from "../format.ts";
import type { TestRequest } from "../test-request.ts";
import { NotApplicable, type Verdict, verdict } from "../verdict.ts";

/** Sends a request in a way in which its answer is lost, then again until there is one: one effect in all. */
const lostThenAgain =
  (mode: SendMode, times = 1) =>
  async (probe: Probe): Promise<Verdict> => {
    const { strictness } = probe.target;
    const request = probe.operation();
    const requests = Array.from({ length: times }, () => request);
    const { answers, effects } = await probe.count(async () => {
      await probe.sendAs(mode, ...requests);
      return [await probe.settle(request), ...(await probe.send(request))];
    });
    const [settled, again] = answers;
    const observed = `${counted(effects, "effect")}; then ${shown(settled!)}`;
    if (effects > 1 || !succeeded(settled!)) {
      // An operation whose outcome is not known may be held. That loses no money, but needs a person.
      return verdict(effects <= 1 && isLater(settled!) ? "warn" : "fail", strictness, observed);
    }
    if (effects === 1 && settled!.body.equals(again!.body)) return verdict("pass", strictness, observed);
    return verdict("fail", strictness, `${observed}; then ${shown(again!)}`);
  };

/** A way of sending in which the server gets the request whole, if not at once. */
const oddly = (mode: SendMode) => duplicates((probe, request) => probe.sendAs(mode, request));

const bodyNeeded = (request: TestRequest): TestRequest => {
  if (request.body.length < 2) throw new NotApplicable("needs a body");
  return request;
};

/** Callers that hang up. */
export const disconnects: readonly ConformanceCase[] = [
  {
    id: "D01",
    title: "Sent, then closed, then sent again: one effect",
    reason: "The caller's time-out is over; the server is not done.",
    rule: draft("1"),
    run: lostThenAgain("then-close"),
  },
  {
    id: "D02",
    title: "Sent, then reset, then sent again: one effect",
    reason: "A process that dies resets its connections. A server that cancels the work has to know how far it came.",
    rule: draft("1"),
    run: lostThenAgain("then-reset"),
  },
  {
    id: "D03",
    title: "An answer that broke off comes whole to the repeat",
    reason: "The record must not depend on the caller having read the answer.",
    rule: draft("1"),
    run: lostThenAgain("reset-in-answer"),
  },
  {
    id: "D04",
    title: "Five callers hang up, then one asks: one effect",
    reason: "A server that frees a key when its caller is gone frees it for the next, five times.",
    rule: draft("1"),
    run: lostThenAgain("then-reset", 5),
  },
  {
    id: "D05",
    title: "Half a body has no effect, and does not use up its key",
    reason: "What did not arrive whole did not arrive; a fingerprint of half a body refuses the whole one.",
    rule: rfc(9112, "8"),
    async run(probe) {
      bodyNeeded(probe.operation());
      return lostThenAgain("half-then-close")(probe);
    },
  },
  {
    id: "D06",
    title: "A body in small pieces is one request",
    reason: "Who looks at the first piece only takes it for the body.",
    rule: rfc(9112, "6.3"),
    run: oddly("in-pieces"),
  },
  {
    id: "D07",
    title: "Expect: 100-continue is one request",
    reason: "curl sends it with larger bodies, and its body comes later than its key.",
    rule: rfc(9110, "10.1.1"),
    run: oddly("expect-continue"),
  },
  {
    id: "D08",
    title: "A caller that stands still does not hold the key",
    reason: "A key that is claimed before the body is there is locked by a caller on a dying network.",
    rule: guide("D08"),
    async run(probe) {
      const request = bodyNeeded(probe.operation());
      const { answers, effects } = await probe.count(() => probe.sendAs("beside-a-stalled", request, request));
      const grade = effects > 1 ? "fail" : succeeded(answers[0]!) ? "pass" : "fail/warn";
      const observed = `${counted(effects, "effect")}; the other: ${shown(answers[0]!)}`;
      return verdict(grade, probe.target.strictness, observed);
    },
  },
];
