import type { ProbeResponse } from "./probe-response.ts";
import { isNotNow, readEffectName, type Probe, isSuccess } from "./probe.ts";
import { formatCount, formatResponse, formatStatuses } from "./format.ts";
import type { TestRequest } from "./test-request.ts";
import { type Grade, type Verdict, makeVerdict } from "./verdict.ts";

type Run = (probe: Probe) => Promise<Verdict>;

/** The reaction of a server to one request, or to the second of two. */
type Reaction = "replayed" | "ran" | "refused" | "broke";

/** The grade of each reaction. By default one fails, and a refusal of the first request makes the case not applicable. */
type GradeByReaction = Readonly<Partial<Record<Reaction | "refused-first", Grade>>>;

/** A case of one request: does it run, or is it refused? */
export function judgeOne(request: (probe: Probe) => TestRequest, grades: GradeByReaction): Run {
  return async (probe) => {
    const [response] = await probe.send(request(probe));
    const deed = isSuccess(response!) ? "ran" : response!.status >= 500 ? "broke" : "refused";
    const word = { ran: "executed", refused: "refused", broke: "broke" }[deed];
    return makeVerdict(grades[deed] ?? "fail", probe.target.strictness, `${word}: ${formatResponse(response!)}`);
  };
}

/** A case of two requests: is the second taken for a repeat of the first? */
export function judgeTwo(
  requests: (probe: Probe) => readonly [TestRequest, TestRequest],
  grades: GradeByReaction,
): Run {
  return async (probe) => {
    const { strictness } = probe.target;
    const pair = requests(probe);
    const { responses, effects } = await probe.tally(() => probe.send(...pair));
    const [first, second] = responses;
    if (!isSuccess(first!)) {
      const grade = first!.status >= 500 ? "fail" : (grades["refused-first"] ?? "not-applicable");
      return makeVerdict(grade, strictness, `the first is refused: ${formatResponse(first!)}`);
    }
    const deed = readReaction(second!.status, effects);
    const words: Record<Reaction, string> = {
      replayed: "the second gets the first's answer",
      ran: `the second runs too (${formatCount(effects, "effect")})`,
      refused: "the second is refused",
      broke: "the second breaks",
    };
    return makeVerdict(grades[deed] ?? "fail", strictness, `${words[deed]}: ${formatResponse(second!)}`);
  };
}

function readReaction(status: number, effects: number): Reaction {
  if (effects > 1) return "ran";
  if (status >= 500) return "broke";
  return status >= 400 ? "refused" : "replayed";
}

/** Two operations that have nothing to do with each other: both have to run. */
export const judgeTwoOperations = (
  requests: (probe: Probe) => readonly [TestRequest, TestRequest],
  refusedFirst: Grade = "pass",
): Run => judgeTwo(requests, { ran: "pass", replayed: "fail", refused: "fail", "refused-first": refusedFirst });

/** A case of several parts, in turn. The first part that does not pass is the verdict. */
export function judgeEach(parts: readonly Run[]): Run {
  return async (probe) => {
    let verdict: Verdict | undefined;
    for (const part of parts) {
      verdict = await part(probe);
      if (verdict.kind !== "pass") return verdict;
    }
    return verdict!;
  };
}

/**
 * Duplicates, in whatever manner they come: one effect, and every answer is its result, or says "not now". A server
 * that goes on working after it answered is asked until it is done.
 */
export function judgeDuplicates(send: (probe: Probe, request: TestRequest) => Promise<readonly ProbeResponse[]>): Run {
  return async (probe) => {
    const request = probe.newOperation();
    const { responses, effects } = await probe.tally(async () => [
      ...(await send(probe, request)),
      await probe.settle(request),
    ]);
    const results = responses.filter(isSuccess);
    const different = new Set(results.map((response) => readEffectName(probe.target, response))).size;
    const others = responses.filter((response) => !isSuccess(response) && !isNotNow(response));
    const observed = `${formatCount(effects, "effect")}; ${formatStatuses(responses)}`;
    const { strictness } = probe.target;
    if (effects !== 1) return makeVerdict("fail", strictness, observed);
    if (different !== 1) return makeVerdict("fail", strictness, `${observed}; ${different} different results`);
    if (others.some(({ status }) => status >= 500)) return makeVerdict("fail", strictness, observed);
    return makeVerdict(others.length > 0 ? "fail/warn" : "pass", strictness, observed);
  };
}
