import type { ConformanceCase } from "../conformance-case.ts";
import { duplicates } from "../judges.ts";
import { isLater, type Probe, succeeded } from "../probe.ts";
import { draft, guide, rfc } from "../rules.ts";
import { counted, shown, statuses } from "../format.ts";
import { headerOf, type TestRequest } from "../test-request.ts";
import { NotApplicable, verdict } from "../verdict.ts";

const copies = (request: TestRequest, count: number): TestRequest[] => Array.from({ length: count }, () => request);

/** How many pairs of duplicates are sent. One pair may miss a race; a race that is there seldom misses them all. */
const rounds = 10;

/** The answers that duplicates get while the first runs; there are none where the server lets them wait. */
async function whileRunning(probe: Probe) {
  const request = probe.operation();
  const answers = await probe.sendAs("together", ...copies(request, 10));
  const early = answers.filter((answer) => !succeeded(answer));
  if (early.length === 0)
    throw new NotApplicable("all got the result: the server waits, or is quicker than its callers");
  return early;
}

/** Duplicates that meet. */
export const concurrency: readonly ConformanceCase[] = [
  {
    id: "C01",
    title: "Of ten duplicates at once, one runs",
    reason: "A check followed by an insert lets all of them pass the check.",
    rule: draft("2.6"),
    run: duplicates((probe, request) => probe.sendAs("together", ...copies(request, 10))),
  },
  {
    id: "C02",
    title: "Of two at once, one runs, ten times over",
    reason: "Most races need exactly two: a caller and its impatient retry.",
    rule: draft("2.6"),
    async run(probe) {
      const { answers, effects } = await probe.tally(async () => {
        const all = [];
        for (let round = 0; round < rounds; round += 1) {
          const request = probe.operation();
          all.push(...(await probe.sendAs("together", request, request)), await probe.settle(request));
        }
        return all;
      });
      const observed = `${counted(effects, "effect")} of ${rounds} operations; ${statuses(answers)}`;
      return verdict(effects === rounds ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "C03",
    title: "Duplicates that come while the first runs do not run",
    reason: "A time-out is shorter than the work: the retry meets its own first attempt.",
    rule: draft("2.6"),
    run: duplicates((probe, request) => probe.sendAs("staggered", ...copies(request, 10))),
  },
  {
    id: "C04",
    title: "Pipelined duplicates on one connection: one runs",
    reason: "They reach the same process in the same moment.",
    rule: rfc(9112, "9.3.2"),
    run: duplicates((probe, request) => probe.sendAs("pipelined", ...copies(request, 3))),
  },
  {
    id: "C05",
    title: "While the first runs, a duplicate is told 409",
    reason: "409 says: the same request, later. Every other status says something else.",
    rule: draft("2.7"),
    async run(probe) {
      const early = await whileRunning(probe);
      const grade = early.every(({ status }) => status === 409) ? "pass" : early.every(isLater) ? "fail/pass" : "fail";
      return verdict(grade, probe.target.strictness, statuses(early));
    },
  },
  {
    id: "C06",
    title: "Whoever is told to come back later is told when",
    reason: "Without Retry-After all duplicates come back at once.",
    rule: rfc(9110, "10.2.3"),
    async run(probe) {
      const early = (await whileRunning(probe)).filter(isLater);
      const without = early.filter((answer) => headerOf(answer, "retry-after") === undefined);
      const observed = `${counted(early.length, "answer")}, ${without.length} without Retry-After`;
      return verdict(without.length === 0 ? "pass" : "fail/warn", probe.target.strictness, observed);
    },
  },
  {
    id: "C07",
    title: "Ten keys at once all run",
    reason: "A lock for all keys, or a record for all, makes every caller wait for the slowest.",
    rule: guide("C07"),
    async run(probe) {
      const requests = Array.from({ length: 10 }, () => probe.operation());
      const { answers, effects } = await probe.tally(() => probe.sendAs("together", ...requests));
      const observed = `${counted(effects, "effect")}; ${statuses(answers)}`;
      const isLimited = answers.every((answer) => succeeded(answer) || [429, 503].includes(answer.status));
      const grade = effects === 10 && answers.every(succeeded) ? "pass" : isLimited && effects < 10 ? "warn" : "fail";
      const isMixedUp = effects !== answers.filter(succeeded).length;
      return verdict(isMixedUp ? "fail" : grade, probe.target.strictness, observed);
    },
  },
  {
    id: "C08",
    title: "Two bodies with one key at once: one runs, the other gets no result",
    reason: "A fingerprint that is written after the work is not there when the second asks for it.",
    rule: draft("2.7"),
    async run(probe) {
      const request = probe.operation();
      const other = probe.withOtherBody(request);
      const requests = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? request : other));
      const { answers, effects } = await probe.tally(() => probe.sendAs("together", ...requests));
      const served = [0, 1].filter((body) => answers.some((answer, at) => at % 2 === body && succeeded(answer)));
      const observed = `${counted(effects, "effect")}; ${served.length} of 2 bodies got a result; ${statuses(answers)}`;
      const isRight = effects === 1 && served.length === 1 && answers.every(({ status }) => status < 500);
      return verdict(isRight ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "C09",
    title: "Once the first is done, its duplicates get its result",
    reason: "A 409 that is kept, or a lock that is never given back, makes every retry fail for ever.",
    rule: draft("2.6"),
    async run(probe) {
      const request = probe.operation();
      await probe.sendAs("together", ...copies(request, 10));
      const answer = await probe.settle(request);
      return verdict(succeeded(answer) ? "pass" : "fail", probe.target.strictness, `then: ${shown(answer)}`);
    },
  },
];
