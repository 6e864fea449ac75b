import type { Answer } from "../answer.ts";
import type { ConformanceCase } from "../conformance-case.ts";
import { markerOf } from "../detect.ts";
import { duplicates, two } from "../judges.ts";
import { type Probe, succeeded } from "../probe.ts";
import { draft, guide, rfc } from "../rules.ts";
import { counted, shown } from "../format.ts";
import type { TestRequest } from "../test-request.ts";
import { type Grade, NotApplicable, type Verdict, verdict } from "../verdict.ts";
import { describing, repeatedHeaders, theRest, valuesOf } from "./kept-headers.ts";

/** The same request, twice. */
const twice = (probe: Probe): readonly [TestRequest, TestRequest] => {
  const request = probe.operation();
  return [request, request];
};

/** Sends a request twice and compares the answers: what differs is told, and graded. */
const compared =
  (differences: (first: Answer, second: Answer) => readonly string[], grade: Grade = "fail") =>
  async (probe: Probe): Promise<Verdict> => {
    const [first, second] = await probe.send(...twice(probe));
    const different = differences(first!, second!);
    const { strictness } = probe.target;
    if (different.length === 0) return verdict("pass", strictness, `the same: ${shown(second!)}`);
    return verdict(grade, strictness, different.join("; "));
  };

const changed = (what: string, before: string, after: string): string[] =>
  before === after ? [] : [`${what} was ${before || "missing"}, is ${after || "missing"}`];

/** What a repeat gets. */
export const replay: readonly ConformanceCase[] = [
  {
    id: "R01",
    title: "A repeat has no second effect",
    reason: "This is what keys are for: the answer was lost, and the caller sends again.",
    rule: draft("2.6"),
    run: two(twice, { replayed: "pass", refused: "fail/warn" }),
  },
  {
    id: "R02",
    title: "A repeat gets the first status",
    reason: "A caller that sees 409 or 200 in place of 201 takes another way.",
    rule: draft("2.6"),
    run: compared((first, second) => changed("the status", `${first.status}`, `${second.status}`)),
  },
  {
    id: "R03",
    title: "A repeat gets the first body, byte for byte",
    reason: "The caller never saw the first one: the id it needs is in there, and so is any signature.",
    rule: draft("2.6"),
    run: compared((first, second) =>
      first.body.equals(second.body) ? [] : [`first ${shown(first)}; then other bytes: ${shown(second)}`],
    ),
  },
  {
    id: "R04",
    title: "A repeat gets the first Content-Type",
    reason: "The same bytes under another type are read in another way, or not at all.",
    rule: draft("2.6"),
    run: compared((first, second) =>
      changed("Content-Type", valuesOf(first, "content-type"), valuesOf(second, "content-type")),
    ),
  },
  {
    id: "R05",
    title: "A repeat gets the headers that describe the result",
    reason: "Without Location or ETag the caller can't find or change what it made.",
    rule: guide("R05"),
    run: compared((first, second) => {
      if (describing(first).length === 0) throw new NotApplicable("the first answer has none (Location, ETag, Link …)");
      return describing(first).flatMap((name) => changed(name, valuesOf(first, name), valuesOf(second, name)));
    }),
  },
  {
    id: "R06",
    title: "A repeat gets the other headers",
    reason: "Applications answer in headers of their own, too.",
    rule: guide("R06"),
    run: compared(
      (first, second) =>
        theRest(first)
          .filter((name) => valuesOf(second, name) === "")
          .map((name) => `${name} is missing`),
      "fail/warn",
    ),
  },
  {
    id: "R07",
    title: "A header that came several times comes again as often",
    reason: "A map of headers keeps only the last Link.",
    rule: rfc(9110, "5.3"),
    run: compared((first, second) => {
      if (repeatedHeaders(first).length === 0) throw new NotApplicable("the first answer has none");
      return repeatedHeaders(first).flatMap((name) => changed(name, valuesOf(first, name), valuesOf(second, name)));
    }),
  },
  {
    id: "R08",
    title: "Set-Cookie is not replayed",
    reason: "A kept cookie is a session that was ended, given out again.",
    rule: guide("R08"),
    run: compared((first, second) => {
      if (valuesOf(first, "set-cookie") === "") throw new NotApplicable("the first answer has none");
      return valuesOf(second, "set-cookie") === valuesOf(first, "set-cookie") ? ["the same Set-Cookie"] : [];
    }, "fail/warn"),
  },
  {
    id: "R09",
    title: "Only a repeat is marked as a replay",
    reason: "Callers count duplicates, and stop retrying a stored failure, by this mark.",
    rule: guide("R09"),
    async run(probe) {
      const [first, second] = await probe.send(...twice(probe));
      const { strictness } = probe.target;
      const isMarked = first!.headers.some(([name, value]) => /replay/i.test(name) && /^\??(1|true|yes)$/i.test(value));
      if (isMarked) return verdict("fail", strictness, "the first answer is marked");
      const marker = markerOf(first!, second!);
      if (marker !== undefined) return verdict("pass", strictness, `marked by ${marker}`);
      return verdict(succeeded(second!) ? "warn" : "not-applicable", strictness, `not marked: ${shown(second!)}`);
    },
  },
  {
    id: "R10",
    title: "Five repeats get one and the same answer",
    reason: "A record that is used up by its first replay protects the first retry only.",
    rule: draft("2.6"),
    run: duplicates((probe, request) => probe.send(request, request, request, request, request)),
  },
  {
    id: "R11",
    title: "A repeat over the same connection is a repeat",
    reason: "Most clients keep their connection, and most tests do not.",
    rule: draft("2.6"),
    run: duplicates((probe, request) => probe.sendAs("kept-alive", request, request, request)),
  },
  {
    id: "R12",
    title: "A key is remembered longer than a caller waits",
    reason: "A key that is forgotten before the retry comes is worse than none: the caller trusts it.",
    rule: draft("2.3"),
    run: duplicates(async (probe, request) => {
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
    rule: draft("2.6"),
    async run(probe) {
      const request = probe.operation();
      const others = Array.from({ length: 5 }, () => probe.operation());
      const { answers, effects } = await probe.tally(() => probe.send(request, ...others, request));
      const [first, last] = [answers[0]!, answers.at(-1)!];
      const isSame = succeeded(last) && first.body.equals(last.body) && effects === others.length + 1;
      const observed = `${counted(effects, "effect")} of ${others.length + 1} operations; ${shown(last)}`;
      return verdict(isSame ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "R14",
    title: "The same body with a new key is a new operation",
    reason: "Two coffees are two coffees: the key says so, not the body.",
    rule: draft("2.2"),
    async run(probe) {
      const request = probe.operation();
      const again = probe.withKey(request, probe.written(probe.newKey()));
      // Counted only: the answers to two such operations may well be the same.
      const { answers, effects } = await probe.count(() => probe.send(request, again));
      const second = answers[1]!;
      const observed = `${counted(effects, "effect")}: ${shown(second)}`;
      // A body with a reference of its own may be refused by the application, which is no matter of keys.
      const isRefused = second.status >= 400 && second.status < 500;
      return verdict(effects === 2 ? "pass" : isRefused ? "warn" : "fail", probe.target.strictness, observed);
    },
  },
];
