import type { ConformanceCase } from "../conformance-case.ts";
import { judgeDuplicates } from "../judges.ts";
import { isNotNow, type Probe, isSuccess } from "../probe.ts";
import { draftUrl, guideUrl, rfcUrl } from "../rules.ts";
import { formatCount, formatResponse, formatStatuses } from "../format.ts";
import { findHeader, type TestRequest } from "../test-request.ts";
import { NotApplicable, makeVerdict } from "../verdict.ts";

const copyRequest = (request: TestRequest, count: number): TestRequest[] =>
  Array.from({ length: count }, () => request);

/** How many pairs of duplicates are sent. One pair may miss a race; a race that is there seldom misses them all. */
const rounds = 10;

/** The answers that duplicates get while the first runs; there are none where the server lets them wait. */
async function sendWhileRunning(probe: Probe) {
  const request = probe.newOperation();
  const responses = await probe.sendAs("together", ...copyRequest(request, 10));
  const early = responses.filter((response) => !isSuccess(response));
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
    rule: draftUrl("2.6"),
    run: judgeDuplicates((probe, request) => probe.sendAs("together", ...copyRequest(request, 10))),
  },
  {
    id: "C02",
    title: "Of two at once, one runs, ten times over",
    reason: "Most races need exactly two: a caller and its impatient retry.",
    rule: draftUrl("2.6"),
    async run(probe) {
      const { responses, effects } = await probe.tally(async () => {
        const all = [];
        for (let round = 0; round < rounds; round += 1) {
          const request = probe.newOperation();
          all.push(...(await probe.sendAs("together", request, request)), await probe.settle(request));
        }
        return all;
      });
      const observed = `${formatCount(effects, "effect")} of ${rounds} operations; ${formatStatuses(responses)}`;
      return makeVerdict(effects === rounds ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "C03",
    title: "Duplicates that come while the first runs do not run",
    reason: "A time-out is shorter than the work: the retry meets its own first attempt.",
    rule: draftUrl("2.6"),
    run: judgeDuplicates((probe, request) => probe.sendAs("staggered", ...copyRequest(request, 10))),
  },
  {
    id: "C04",
    title: "Pipelined duplicates on one connection: one runs",
    reason: "They reach the same process in the same moment.",
    rule: rfcUrl(9112, "9.3.2"),
    run: judgeDuplicates((probe, request) => probe.sendAs("pipelined", ...copyRequest(request, 3))),
  },
  {
    id: "C05",
    title: "While the first runs, a duplicate gets 409",
    reason: "409 says: the same request, later. Every other status says something else.",
    rule: draftUrl("2.7"),
    async run(probe) {
      const early = await sendWhileRunning(probe);
      const grade = early.every(({ status }) => status === 409) ? "pass" : early.every(isNotNow) ? "fail/pass" : "fail";
      return makeVerdict(grade, probe.target.strictness, formatStatuses(early));
    },
  },
  {
    id: "C06",
    title: "Who has to come back later learns when",
    reason: "Without Retry-After all duplicates come back at once.",
    rule: rfcUrl(9110, "10.2.3"),
    async run(probe) {
      const early = (await sendWhileRunning(probe)).filter(isNotNow);
      const without = early.filter((response) => findHeader(response, "retry-after") === undefined);
      const observed = `${formatCount(early.length, "answer")}, ${without.length} without Retry-After`;
      return makeVerdict(without.length === 0 ? "pass" : "fail/warn", probe.target.strictness, observed);
    },
  },
  {
    id: "C07",
    title: "Ten keys at once all run",
    reason: "A lock for all keys, or a record for all, makes every caller wait for the slowest.",
    rule: guideUrl("C07"),
    async run(probe) {
      const requests = Array.from({ length: 10 }, () => probe.newOperation());
      const { responses, effects } = await probe.tally(() => probe.sendAs("together", ...requests));
      const observed = `${formatCount(effects, "effect")}; ${formatStatuses(responses)}`;
      const isLimited = responses.every((response) => isSuccess(response) || [429, 503].includes(response.status));
      const grade = effects === 10 && responses.every(isSuccess) ? "pass" : isLimited && effects < 10 ? "warn" : "fail";
      const isMixedUp = effects !== responses.filter(isSuccess).length;
      return makeVerdict(isMixedUp ? "fail" : grade, probe.target.strictness, observed);
    },
  },
  {
    id: "C08",
    title: "Two bodies with one key at once: one runs, the other gets no result",
    reason: "A fingerprint that is written after the work is not there when the second asks for it.",
    rule: draftUrl("2.7"),
    async run(probe) {
      const request = probe.newOperation();
      const other = probe.withOtherBody(request);
      const requests = Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? request : other));
      const { responses, effects } = await probe.tally(() => probe.sendAs("together", ...requests));
      const served = [0, 1].filter((body) => responses.some((response, at) => at % 2 === body && isSuccess(response)));
      const observed = `${formatCount(effects, "effect")}; ${served.length} of 2 bodies got a result; ${formatStatuses(responses)}`;
      const isRight = effects === 1 && served.length === 1 && responses.every(({ status }) => status < 500);
      return makeVerdict(isRight ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "C09",
    title: "Once the first is done, its duplicates get its result",
    reason: "A 409 that is stored, or a lock that is never released, makes every retry fail for ever.",
    rule: draftUrl("2.6"),
    async run(probe) {
      const request = probe.newOperation();
      await probe.sendAs("together", ...copyRequest(request, 10));
      const response = await probe.settle(request);
      return makeVerdict(
        isSuccess(response) ? "pass" : "fail",
        probe.target.strictness,
        `then: ${formatResponse(response)}`,
      );
    },
  },
];
