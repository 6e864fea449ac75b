import type { Answer } from "../answer.ts";
import type { ConformanceCase } from "../conformance-case.ts";
import { type Probe, succeeded } from "../probe.ts";
import { draft, guide } from "../rules.ts";
import { counted, shown } from "../format.ts";
import { headerOf, type TestRequest } from "../test-request.ts";
import { NotApplicable, type Verdict, verdict } from "../verdict.ts";

/** Judges how a refusal explains itself: by a problem (RFC 9457) with a link, or by a Link header. */
function explained(answer: Answer, { target }: Probe): Verdict {
  const isProblem = /^application\/problem\+(json|xml)/i.test(headerOf(answer, "content-type") ?? "");
  const isLinked = headerOf(answer, "link") !== undefined || (isProblem && /https?:\/\//.test(answer.body.toString()));
  const observed = `${shown(answer)} (${headerOf(answer, "content-type") ?? "no type"})`;
  return verdict(isLinked ? "pass" : "fail/warn", target.strictness, observed);
}

/** The operation with a body that the server refuses. */
const refused = (probe: Probe, request: TestRequest): TestRequest => ({
  ...request,
  body: Buffer.from(probe.target.refusedBody),
});

function expectRefusal(answer: Answer): void {
  if (answer.status >= 400 && answer.status < 500) return;
  throw new NotApplicable(`needs a body that is refused: this one gets ${shown(answer)}`);
}

/** What is answered when something is wrong. */
export const errors: readonly ConformanceCase[] = [
  {
    id: "E01",
    title: "The refusal of a missing key says where to read on",
    reason: "A developer who meets it has to learn what a key is.",
    rule: draft("2.7"),
    async run(probe) {
      const [answer] = await probe.send(probe.withKey(probe.operation()));
      if (succeeded(answer!)) throw new NotApplicable("keys are optional here");
      return explained(answer!, probe);
    },
  },
  {
    id: "E02",
    title: "The refusal of a used key says where to read on",
    reason: "As E01: it is a bug in the caller, and its developer needs to know which.",
    rule: draft("2.7"),
    async run(probe) {
      const request = probe.operation();
      const [, answer] = await probe.send(request, probe.withOtherBody(request));
      if (succeeded(answer!)) throw new NotApplicable("a used key is not refused (F01)");
      return explained(answer!, probe);
    },
  },
  {
    id: "E03",
    title: "A refused request has no effect, nor has its repeat",
    reason: "A caller that is told 400 takes it for settled.",
    rule: draft("2.7"),
    async run(probe) {
      const request = refused(probe, probe.operation());
      const { answers, effects } = await probe.count(() => probe.send(request, request));
      expectRefusal(answers[0]!);
      return verdict(
        effects === 0 ? "pass" : "fail",
        probe.target.strictness,
        `${effects} effects; ${shown(answers[1]!)}`,
      );
    },
  },
  {
    id: "E04",
    title: "The repeat of a refused request is refused alike",
    reason: "The refusal was lost on the way; the repeat must learn the same.",
    rule: draft("2.6"),
    async run(probe) {
      const request = refused(probe, probe.operation());
      const [first, second] = await probe.send(request, request);
      expectRefusal(first!);
      const grade = first!.status === second!.status ? "pass" : "fail";
      return verdict(grade, probe.target.strictness, `${shown(first!)}; then ${shown(second!)}`);
    },
  },
  {
    id: "E05",
    title: "The corrected request runs, or is refused; it gets no answer of another",
    reason: "A key that is stuck after a typing mistake, or answers 200 without an order, loses the order.",
    rule: guide("E05"),
    async run(probe) {
      const request = probe.operation();
      const { answers, effects } = await probe.tally(() => probe.send(refused(probe, request), request));
      const [first, second] = answers;
      expectRefusal(first!);
      const isRight = succeeded(second!) ? effects === 1 : effects === 0 && second!.status < 500;
      const observed = `${counted(effects, "effect")}; ${shown(second!)}`;
      return verdict(isRight ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "E06",
    title: "The repeat of a failure (5xx) has no second effect",
    reason: "A failure after the effect looks like any other: to run it again doubles what it did.",
    rule: draft("2.6"),
    async run(probe) {
      const { failingBody, strictness } = probe.target;
      if (failingBody === undefined) throw new NotApplicable("needs a body at which the operation fails");
      const request = { ...probe.operation(), body: Buffer.from(failingBody) };
      const { answers, effects } = await probe.count(() => probe.send(request, request));
      const [first, second] = answers;
      if (first!.status < 500) throw new NotApplicable(`the body that should fail gets ${shown(first!)}`);
      const observed = `${counted(effects, "effect")}; then ${shown(second!)}`;
      return verdict(effects > 1 ? "fail" : "pass", strictness, observed);
    },
  },
];
