import type { ProbeResponse } from "../probe-response.ts";
import type { ConformanceCase } from "../conformance-case.ts";
import { findReplayMarker } from "../detect.ts";
import { judgeDuplicates, judgeTwo } from "../judges.ts";
import { type Probe, isSuccess } from "../probe.ts";
import { draftUrl, guideUrl, rfcUrl } from "../rules.ts";
import { formatCount, formatResponse } from "../format.ts";
import type { TestRequest } from "../test-request.ts";
import { type Grade, NotApplicable, type Verdict, makeVerdict } from "../verdict.ts";
import { resultHeaderNames, multipleHeaderNames, otherHeaderNames, joinValues } from "./response-headers.ts";

/** The same request, twice. */
const makeRepeat = (probe: Probe): readonly [TestRequest, TestRequest] => {
  const request = probe.newOperation();
  return [request, request];
};

/** Sends a request twice and compares the responses: differences are reported and graded. */
const judgeDifferences =
  (differences: (first: ProbeResponse, second: ProbeResponse) => readonly string[], grade: Grade = "fail") =>
  async (probe: Probe): Promise<Verdict> => {
    const [first, second] = await probe.send(...makeRepeat(probe));
    const different = differences(first!, second!);
    const { strictness } = probe.target;
    if (different.length === 0) return makeVerdict("pass", strictness, `the same: ${formatResponse(second!)}`);
    return makeVerdict(grade, strictness, different.join("; "));
  };

const describeChange = (what: string, before: string, after: string): string[] =>
  before === after ? [] : [`${what} was ${before || "missing"}, is ${after || "missing"}`];

/** The answers to repeats. */
export const replay: readonly ConformanceCase[] = [
  {
    id: "R01",
    title: "A repeat has no second effect",
    reason: "This is what keys are for: the answer was lost, and the caller sends again.",
    rule: draftUrl("2.6"),
    run: judgeTwo(makeRepeat, { replayed: "pass", refused: "fail/warn" }),
  },
  {
    id: "R02",
    title: "A repeat gets the first status",
    reason: "A caller that sees 409 or 200 in place of 201 takes another way.",
    rule: draftUrl("2.6"),
    run: judgeDifferences((first, second) => describeChange("the status", `${first.status}`, `${second.status}`)),
  },
  {
    id: "R03",
    title: "A repeat gets the first body, byte for byte",
    reason: "The caller never saw the first one: the id it needs is in there, and so is any signature.",
    rule: draftUrl("2.6"),
    run: judgeDifferences((first, second) =>
      first.body.equals(second.body)
        ? []
        : [`first ${formatResponse(first)}; then other bytes: ${formatResponse(second)}`],
    ),
  },
  {
    id: "R04",
    title: "A repeat gets the first Content-Type",
    reason: "The same bytes under another type are read in another way, or not at all.",
    rule: draftUrl("2.6"),
    run: judgeDifferences((first, second) =>
      describeChange("Content-Type", joinValues(first, "content-type"), joinValues(second, "content-type")),
    ),
  },
  {
    id: "R05",
    title: "A repeat gets the headers that describe the result",
    reason: "Without Location or ETag the caller can't find or change what it made.",
    rule: guideUrl("R05"),
    run: judgeDifferences((first, second) => {
      if (resultHeaderNames(first).length === 0)
        throw new NotApplicable("the first answer has none (Location, ETag, Link …)");
      return resultHeaderNames(first).flatMap((name) =>
        describeChange(name, joinValues(first, name), joinValues(second, name)),
      );
    }),
  },
  {
    id: "R06",
    title: "A repeat gets the other headers",
    reason: "Applications answer in headers of their own, too.",
    rule: guideUrl("R06"),
    run: judgeDifferences(
      (first, second) =>
        otherHeaderNames(first)
          .filter((name) => joinValues(second, name) === "")
          .map((name) => `${name} is missing`),
      "fail/warn",
    ),
  },
  {
    id: "R07",
    title: "A header that came several times comes again as often",
    reason: "A map of headers keeps only the last Link.",
    rule: rfcUrl(9110, "5.3"),
    run: judgeDifferences((first, second) => {
      if (multipleHeaderNames(first).length === 0) throw new NotApplicable("the first answer has none");
      return multipleHeaderNames(first).flatMap((name) =>
        describeChange(name, joinValues(first, name), joinValues(second, name)),
      );
    }),
  },
  {
    id: "R08",
    title: "Set-Cookie is not replayed",
    reason: "A stored cookie hands out a session that has ended.",
    rule: guideUrl("R08"),
    run: judgeDifferences((first, second) => {
      if (joinValues(first, "set-cookie") === "") throw new NotApplicable("the first answer has none");
      return joinValues(second, "set-cookie") === joinValues(first, "set-cookie") ? ["the same Set-Cookie"] : [];
    }, "fail/warn"),
  },
  {
    id: "R09",
    title: "Only a repeat is marked as a replay",
    reason: "Callers count duplicates, and stop retrying a stored failure, by this mark.",
    rule: guideUrl("R09"),
    async run(probe) {
      const [first, second] = await probe.send(...makeRepeat(probe));
      const { strictness } = probe.target;
      const isMarked = first!.headers.some(([name, value]) => /replay/i.test(name) && /^\??(1|true|yes)$/i.test(value));
      if (isMarked) return makeVerdict("fail", strictness, "the first answer is marked");
      const marker = findReplayMarker(first!, second!);
      if (marker !== undefined) return makeVerdict("pass", strictness, `marked by ${marker}`);
      return makeVerdict(
        isSuccess(second!) ? "warn" : "not-applicable",
        strictness,
        `not marked: ${formatResponse(second!)}`,
      );
    },
  },
  {
    id: "R10",
    title: "Five repeats get one and the same answer",
    reason: "A record that is used up by its first replay protects the first retry only.",
    rule: draftUrl("2.6"),
    run: judgeDuplicates((probe, request) => probe.send(request, request, request, request, request)),
  },
  {
    id: "R11",
    title: "A repeat over the same connection is a repeat",
    reason: "Most clients keep their connection, and most tests do not.",
    rule: draftUrl("2.6"),
    run: judgeDuplicates((probe, request) => probe.sendAs("keep-alive", request, request, request)),
  },
  {
    id: "R12",
    title: "A key is remembered longer than a caller waits",
    reason: "A key that is forgotten before the retry comes is worse than none: the caller trusts it.",
    rule: draftUrl("2.3"),
    run: judgeDuplicates(async (probe, request) => {
      const [first] = await probe.send(request);
      await probe.pause(probe.target.pauseMs);
      const [second] = await probe.send(request);
      return [first!, second!];
    }),
  },
  {
    id: "R13",
    title: "Other operations in between change nothing",
    reason: "A server that remembers the last key only forgets it under the least load.",
    rule: draftUrl("2.6"),
    async run(probe) {
      const request = probe.newOperation();
      const others = Array.from({ length: 5 }, () => probe.newOperation());
      const { responses, effects } = await probe.tally(() => probe.send(request, ...others, request));
      const [first, last] = [responses[0]!, responses.at(-1)!];
      const isSame = isSuccess(last) && first.body.equals(last.body) && effects === others.length + 1;
      const observed = `${formatCount(effects, "effect")} of ${others.length + 1} operations; ${formatResponse(last)}`;
      return makeVerdict(isSame ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "R14",
    title: "The same body with a new key is a new operation",
    reason: "Two coffees are two coffees: the key says so, not the body.",
    rule: draftUrl("2.2"),
    async run(probe) {
      const request = probe.newOperation();
      const again = probe.withKey(request, probe.formatKey(probe.newKey()));
      // Counted only: the answers to two such operations may well be the same.
      const { responses, effects } = await probe.count(() => probe.send(request, again));
      const second = responses[1]!;
      const observed = `${formatCount(effects, "effect")}: ${formatResponse(second)}`;
      // The application may refuse a second body with the same reference, which has nothing to do with keys.
      const isRefused = second.status >= 400 && second.status < 500;
      return makeVerdict(effects === 2 ? "pass" : isRefused ? "warn" : "fail", probe.target.strictness, observed);
    },
  },
];
