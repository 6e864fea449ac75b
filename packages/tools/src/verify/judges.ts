import type { Answer } from "./answer.ts";
import { isLater, nameOf, type Probe, succeeded } from "./probe.ts";
import { counted, shown, statuses } from "./format.ts";
import type { TestRequest } from "./test-request.ts";
import { type Grade, type Verdict, verdict } from "./verdict.ts";

type Run = (probe: Probe) => Promise<Verdict>;

/** What a server did with one request, or with the second of two. */
type Deed = "replayed" | "ran" | "refused" | "broke";

/** How what a server can do is graded. What is not told is: 5xx fails, and a refusal of the first is not applicable. */
type Grades = Readonly<Partial<Record<Deed | "refused-first", Grade>>>;

/** A case of one request: does it run, or is it refused? */
export function one(request: (probe: Probe) => TestRequest, grades: Grades): Run {
  return async (probe) => {
    const [answer] = await probe.send(request(probe));
    const deed = succeeded(answer!) ? "ran" : answer!.status >= 500 ? "broke" : "refused";
    const word = { ran: "carried out", refused: "refused", broke: "broke" }[deed];
    return verdict(grades[deed] ?? "fail", probe.target.strictness, `${word}: ${shown(answer!)}`);
  };
}

/** A case of two requests: is the second taken for a repeat of the first? */
export function two(requests: (probe: Probe) => readonly [TestRequest, TestRequest], grades: Grades): Run {
  return async (probe) => {
    const { strictness } = probe.target;
    const pair = requests(probe);
    const { answers, effects } = await probe.tally(() => probe.send(...pair));
    const [first, second] = answers;
    if (!succeeded(first!)) {
      const grade = first!.status >= 500 ? "fail" : (grades["refused-first"] ?? "not-applicable");
      return verdict(grade, strictness, `the first is refused: ${shown(first!)}`);
    }
    const deed = deedOf(second!.status, effects);
    const words: Record<Deed, string> = {
      replayed: "the second gets the first's answer",
      ran: `the second runs too (${counted(effects, "effect")})`,
      refused: "the second is refused",
      broke: "the second breaks",
    };
    return verdict(grades[deed] ?? "fail", strictness, `${words[deed]}: ${shown(second!)}`);
  };
}

function deedOf(status: number, effects: number): Deed {
  if (effects > 1) return "ran";
  if (status >= 500) return "broke";
  return status >= 400 ? "refused" : "replayed";
}

/** Two operations that have nothing to do with each other: both have to run. */
export const twoOperations = (
  requests: (probe: Probe) => readonly [TestRequest, TestRequest],
  refusedFirst: Grade = "pass",
): Run => two(requests, { ran: "pass", replayed: "fail", refused: "fail", "refused-first": refusedFirst });

/**
 * Duplicates, in whatever manner they come: one effect, and every answer is its result, or says "not now". A server
 * that goes on working after it answered is asked until it is done.
 */
export function duplicates(send: (probe: Probe, request: TestRequest) => Promise<readonly Answer[]>): Run {
  return async (probe) => {
    const request = probe.operation();
    const { answers, effects } = await probe.tally(async () => [
      ...(await send(probe, request)),
      await probe.settle(request),
    ]);
    const results = answers.filter(succeeded);
    const different = new Set(results.map((answer) => nameOf(probe.target, answer))).size;
    const others = answers.filter((answer) => !succeeded(answer) && !isLater(answer));
    const observed = `${counted(effects, "effect")}; ${statuses(answers)}`;
    const { strictness } = probe.target;
    if (effects !== 1) return verdict("fail", strictness, observed);
    if (different !== 1) return verdict("fail", strictness, `${observed}; ${different} different results`);
    if (others.some(({ status }) => status >= 500)) return verdict("fail", strictness, observed);
    return verdict(others.length > 0 ? "fail/warn" : "pass", strictness, observed);
  };
}
