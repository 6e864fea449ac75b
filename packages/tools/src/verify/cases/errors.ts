import type { ProbeResponse } from "../probe-response.ts";
import type { ConformanceCase } from "../conformance-case.ts";
import { type Probe, isSuccess } from "../probe.ts";
import { draftUrl, guideUrl } from "../rules.ts";
import { formatCount, formatResponse } from "../format.ts";
import { findHeader, type TestRequest } from "../test-request.ts";
import { NotApplicable, type Verdict, makeVerdict } from "../verdict.ts";

/** Judges how a refusal explains itself: by a problem (RFC 9457) with a link, or by a Link header. */
function judgeExplanation(response: ProbeResponse, { target }: Probe): Verdict {
  const isProblem = /^application\/problem\+(json|xml)/i.test(findHeader(response, "content-type") ?? "");
  const isLinked =
    findHeader(response, "link") !== undefined || (isProblem && /https?:\/\//.test(response.body.toString()));
  const observed = `${formatResponse(response)} (${findHeader(response, "content-type") ?? "no type"})`;
  return makeVerdict(isLinked ? "pass" : "fail/warn", target.strictness, observed);
}

/** The operation with a body that the server refuses. */
const withRefusedBody = (probe: Probe, request: TestRequest): TestRequest => ({
  ...request,
  body: Buffer.from(probe.target.refusedBody),
});

function expectRefusal(response: ProbeResponse): void {
  if (response.status >= 400 && response.status < 500) return;
  throw new NotApplicable(`needs a body that is refused: this one gets ${formatResponse(response)}`);
}

/** The answers to wrong requests. */
export const errors: readonly ConformanceCase[] = [
  {
    id: "E01",
    title: "The refusal of a missing key says where to read on",
    reason: "A developer who meets it has to learn what a key is.",
    rule: draftUrl("2.7"),
    async run(probe) {
      const [response] = await probe.send(probe.withKey(probe.newOperation()));
      if (isSuccess(response!)) throw new NotApplicable("keys are optional here");
      return judgeExplanation(response!, probe);
    },
  },
  {
    id: "E02",
    title: "The refusal of a used key says where to read on",
    reason: "As E01: it is a bug in the caller, and its developer needs to know which.",
    rule: draftUrl("2.7"),
    async run(probe) {
      const request = probe.newOperation();
      const [, response] = await probe.send(request, probe.withOtherBody(request));
      if (isSuccess(response!)) throw new NotApplicable("a used key is not refused (F01)");
      return judgeExplanation(response!, probe);
    },
  },
  {
    id: "E03",
    title: "A refused request has no effect, nor has its repeat",
    reason: "A caller that gets 400 takes the operation for settled.",
    rule: draftUrl("2.7"),
    async run(probe) {
      const request = withRefusedBody(probe, probe.newOperation());
      const { responses, effects } = await probe.count(() => probe.send(request, request));
      expectRefusal(responses[0]!);
      return makeVerdict(
        effects === 0 ? "pass" : "fail",
        probe.target.strictness,
        `${effects} effects; ${formatResponse(responses[1]!)}`,
      );
    },
  },
  {
    id: "E04",
    title: "The repeat of a refused request is refused alike",
    reason: "The refusal was lost on the way; the repeat must learn the same.",
    rule: draftUrl("2.6"),
    async run(probe) {
      const request = withRefusedBody(probe, probe.newOperation());
      const [first, second] = await probe.send(request, request);
      expectRefusal(first!);
      const grade = first!.status === second!.status ? "pass" : "fail";
      return makeVerdict(grade, probe.target.strictness, `${formatResponse(first!)}; then ${formatResponse(second!)}`);
    },
  },
  {
    id: "E05",
    title: "The corrected request runs, or is refused; it gets no answer of another",
    reason: "A key that is stuck after a typing mistake, or answers 200 without an order, loses the order.",
    rule: guideUrl("E05"),
    async run(probe) {
      const request = probe.newOperation();
      const { responses, effects } = await probe.tally(() => probe.send(withRefusedBody(probe, request), request));
      const [first, second] = responses;
      expectRefusal(first!);
      const isRight = isSuccess(second!) ? effects === 1 : effects === 0 && second!.status < 500;
      const observed = `${formatCount(effects, "effect")}; ${formatResponse(second!)}`;
      return makeVerdict(isRight ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "E06",
    title: "The repeat of a failure (5xx) has no second effect",
    reason: "A failure after the effect looks like any other: to run it again doubles what it did.",
    rule: draftUrl("2.6"),
    async run(probe) {
      const { failingBody, strictness } = probe.target;
      if (failingBody === undefined) throw new NotApplicable("needs a body at which the operation fails");
      const request = { ...probe.newOperation(), body: Buffer.from(failingBody) };
      const { responses, effects } = await probe.count(() => probe.send(request, request));
      const [first, second] = responses;
      if (first!.status < 500) throw new NotApplicable(`the body that should fail gets ${formatResponse(first!)}`);
      const observed = `${formatCount(effects, "effect")}; then ${formatResponse(second!)}`;
      return makeVerdict(effects > 1 ? "fail" : "pass", strictness, observed);
    },
  },
];
