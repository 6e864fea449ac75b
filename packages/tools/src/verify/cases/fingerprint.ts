import type { ConformanceCase } from "../conformance-case.ts";
import { judgeTwo } from "../judges.ts";
import { type Probe, isSuccess } from "../probe.ts";
import { draftUrl, guideUrl, rfcUrl } from "../rules.ts";
import { formatResponse } from "../format.ts";
import { findHeader, type TestRequest, withHeaders, withQuery } from "../test-request.ts";
import { NotApplicable, makeVerdict } from "../verdict.ts";

/** A request, and the same with a change, under the same key. */
const makeChange =
  (change: (request: TestRequest, probe: Probe) => TestRequest) =>
  (probe: Probe): readonly [TestRequest, TestRequest] => {
    const request = probe.newOperation();
    return [request, change(request, probe)];
  };

const withText = (request: TestRequest, text: string): TestRequest => ({ ...request, body: Buffer.from(text) });

/** The same request to the application: a server that compares bytes may refuse it, but must not run it. */
const sameMeaning = { replayed: "pass", refused: "warn", ran: "fail" } as const;

/** The same request, changed on its way: a retry must not fail at it. */
const sameRequest = { replayed: "pass", refused: "fail", ran: "fail" } as const;

/**
 * Another request: it may run, or be refused, but must not get the first's answer. Whether the server has such a
 * method, path or type at all is another matter.
 */
const anotherRequest = { replayed: "fail", refused: "pass", ran: "pass", broke: "not-applicable" } as const;

/** How far behind a difference is put, bytes. */
const paddingBytes = 100_000;

/** When a request under a known key is the same request, and when it is not. */
export const fingerprint: readonly ConformanceCase[] = [
  {
    id: "F01",
    title: "The key of another body is refused, with 422",
    reason: "The caller made a mistake; the first's answer would tell it that its new order was placed.",
    rule: draftUrl("2.7"),
    async run(probe) {
      const { strictness } = probe.target;
      const request = probe.newOperation();
      const other = probe.withOtherBody(request);
      const { responses, effects } = await probe.tally(() => probe.send(request, other));
      const second = responses[1]!;
      if (effects > 1) return makeVerdict("fail", strictness, `it runs: ${formatResponse(second)}`);
      if (isSuccess(second))
        return makeVerdict("fail", strictness, `it gets the first's answer: ${formatResponse(second)}`);
      if (second.status >= 500) return makeVerdict("fail", strictness, formatResponse(second));
      return makeVerdict(
        second.status === 422 ? "pass" : "fail/pass",
        strictness,
        `refused: ${formatResponse(second)}`,
      );
    },
  },
  {
    id: "F02",
    title: "A refused reuse leaves the first answer as it was",
    reason: "One mistake of a caller must not cost it the answer to its earlier operation.",
    rule: draftUrl("2.6"),
    async run(probe) {
      const request = probe.newOperation();
      const other = probe.withOtherBody(request);
      const [first, , third] = await probe.send(request, other, request);
      const isSame = first!.status === third!.status && first!.body.equals(third!.body);
      return makeVerdict(
        isSame ? "pass" : "fail",
        probe.target.strictness,
        `then the first again: ${formatResponse(third!)}`,
      );
    },
  },
  {
    id: "F03",
    title: "A difference far behind in a body is seen",
    reason: "A fingerprint over the first bytes takes two large orders for one.",
    rule: draftUrl("2.4"),
    run: judgeTwo(
      (probe) => {
        const request = probe.newOperation();
        const padding = " ".repeat(paddingBytes);
        const padded = (one: TestRequest): TestRequest => withText(one, padding + probe.readJson(one));
        return [padded(request), padded(probe.withOtherBody(request))];
      },
      { replayed: "fail", ran: "fail", refused: "pass" },
    ),
  },
  {
    id: "F04",
    title: "The order of a JSON object's members is no difference",
    reason: "A client that builds its body anew for the retry may write it in another order.",
    rule: rfcUrl(8785, "1"),
    run: judgeTwo(
      makeChange((request, probe) => {
        const members = Object.entries(JSON.parse(probe.readJson(request)) as Record<string, unknown>);
        if (members.length < 2) throw new NotApplicable("the body has only one member");
        return withText(request, JSON.stringify(Object.fromEntries(members.toReversed())));
      }),
      sameMeaning,
    ),
  },
  {
    id: "F05",
    title: "White space between JSON's tokens is no difference",
    reason: "As F04: another library, another layout, the same order.",
    rule: rfcUrl(8785, "1"),
    run: judgeTwo(
      makeChange((request, probe) => withText(request, ` ${probe.readJson(request)}\n`)),
      sameMeaning,
    ),
  },
  {
    id: "F06",
    title: "A parameter of the media type is no difference",
    reason: "Libraries and proxies add `charset`.",
    rule: guideUrl("F06"),
    run: judgeTwo(
      makeChange((request, probe) => {
        probe.readJson(request);
        const type = `${findHeader(request, "content-type")}; charset=utf-8`;
        return withHeaders(request, [["Content-Type", type]]);
      }),
      sameMeaning,
    ),
  },
  {
    id: "F07",
    title: "Other headers are no difference",
    reason: "A retry may leave through another proxy, with another trace and from another version of the client.",
    rule: guideUrl("F07"),
    run: judgeTwo(
      makeChange((request) =>
        withHeaders(request, [
          ["User-Agent", "once-again-verify/2"],
          ["Accept-Language", "en"],
          ["Via", "1.1 verify"],
          ["traceparent", `00-${"a".repeat(32)}-${"b".repeat(16)}-01`],
        ]),
      ),
      sameRequest,
    ),
  },
  {
    id: "F08",
    title: "The chunked coding is no difference",
    reason: "A proxy that streams sends no Content-Length; the body is the same.",
    rule: rfcUrl(9112, "7.1"),
    run: async (probe) => {
      const chunked = (request: TestRequest): TestRequest => ({ ...request, framing: "chunked" });
      const [plain] = await probe.send(chunked(probe.newOperation()));
      if (!isSuccess(plain!)) throw new NotApplicable(`chunked bodies are not taken: ${formatResponse(plain!)}`);
      return judgeTwo(makeChange(chunked), sameRequest)(probe);
    },
  },
  {
    id: "F09",
    title: "The order of a query's fields is no second operation",
    reason: "URL builders sort as they like.",
    rule: guideUrl("F09"),
    run: judgeTwo(
      (probe) => {
        const request = probe.newOperation();
        return [withQuery(request, "verify=1&again=2"), withQuery(request, "again=2&verify=1")];
      },
      { ...sameMeaning, refused: "pass" },
    ),
  },
  {
    id: "F10",
    title: "Another query is another request",
    reason: "A key for `?account=1` must not answer for `?account=2`.",
    rule: guideUrl("F10"),
    run: judgeTwo(
      (probe) => {
        const request = probe.newOperation();
        return [withQuery(request, "verify=1"), withQuery(request, "verify=2")];
      },
      { ...anotherRequest, replayed: "fail/warn" },
    ),
  },
  {
    id: "F11",
    title: "Another method is another request",
    reason: "A DELETE that is answered with the POST's 201 deleted nothing.",
    rule: guideUrl("F11"),
    run: judgeTwo(
      makeChange((request) => ({ ...request, method: request.method === "PATCH" ? "POST" : "PATCH" })),
      anotherRequest,
    ),
  },
  {
    id: "F12",
    title: "Another path is another request",
    reason: "A key for one resource must not answer for another.",
    rule: guideUrl("F12"),
    run: judgeTwo(
      makeChange((request) => ({ ...request, target: request.target.replace(/\/*(\?|$)/, "/verify-other-path$1") })),
      anotherRequest,
    ),
  },
  {
    id: "F13",
    title: "A GET with the key is not answered with the POST's answer",
    reason: "Safe methods have nothing to protect; a client that sends keys with all of them would read stale data.",
    rule: rfcUrl(9110, "9.2.1"),
    async run(probe) {
      const request = probe.newOperation();
      const [first, got] = await probe.send(request, { ...request, method: "GET", body: Buffer.alloc(0) });
      const isReplay = isSuccess(got!) && got!.status === first!.status && got!.body.equals(first!.body);
      return makeVerdict(isReplay ? "fail" : "pass", probe.target.strictness, `GET: ${formatResponse(got!)}`);
    },
  },
  {
    id: "F14",
    title: "Another media type is another request",
    reason: "The same bytes, read in another way, are another order.",
    rule: guideUrl("F14"),
    run: judgeTwo(
      makeChange((request) => withHeaders(request, [["Content-Type", "application/x-verify"]])),
      { ...anotherRequest, replayed: "fail/warn" },
    ),
  },
];
