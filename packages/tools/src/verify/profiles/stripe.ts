import type { ConformanceCase } from "../conformance-case.ts";
import { formatCount, formatResponse } from "../format.ts";
import { judgeOne } from "../judges.ts";
import { isSuccess } from "../probe.ts";
import { makeVerdict, NotApplicable } from "../verdict.ts";
import { readMember } from "./json-bodies.ts";
import type { VerifyProfile } from "./profile.ts";

const url = "https://docs.stripe.com/api/idempotent_requests";
const errorsUrl = "https://docs.stripe.com/error-low-level#idempotency";

/** The cases that only APIs in Stripe's manner have. */
const stripeCases: readonly ConformanceCase[] = [
  {
    id: "P01",
    title: "A request without a key runs",
    reason: "Keys are offered to all POSTs, and asked of none.",
    rule: url,
    run: judgeOne((probe) => probe.withKey(probe.newOperation()), { ran: "pass" }),
  },
  {
    id: "P02",
    title: "Other parameters: 400, of the type idempotency_error",
    reason: "Stripe's libraries throw a separate error for this type.",
    rule: errorsUrl,
    async run(probe) {
      const request = probe.newOperation();
      const { responses, effects } = await probe.tally(() => probe.send(request, probe.withOtherBody(request)));
      const [, response] = responses;
      const isRight = response!.status === 400 && readMember(response!, "error", "type") === "idempotency_error";
      const observed = `${formatCount(effects, "effect")}; ${formatResponse(response!)}`;
      return makeVerdict(isRight && effects === 1 ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "P03",
    title: "A failure (5xx) is stored: its repeat gets the same status and body",
    reason: "What a failed request did is unknown, so it must not run again.",
    rule: url,
    async run(probe) {
      const { failingBody, strictness } = probe.target;
      if (failingBody === undefined) throw new NotApplicable("needs a body at which the operation fails");
      const request = { ...probe.newOperation(), body: Buffer.from(failingBody) };
      const [first, second] = await probe.send(request, request);
      if (first!.status < 500) throw new NotApplicable(`the body that should fail gets ${formatResponse(first!)}`);
      const isSame = first!.status === second!.status && first!.body.equals(second!.body);
      const observed = `${formatResponse(first!)}; then ${formatResponse(second!)}`;
      return makeVerdict(isSame ? "pass" : "fail", strictness, observed);
    },
  },
  {
    id: "P04",
    title: "Parameters that are refused leave their key free",
    reason: "No endpoint began, so there is no result to keep.",
    rule: url,
    async run(probe) {
      const request = probe.newOperation();
      const refused = { ...request, body: Buffer.from(probe.target.refusedBody) };
      const [first, second] = await probe.send(refused, request);
      if (isSuccess(first!) || first!.status >= 500) {
        throw new NotApplicable(`needs a body that is refused: this one gets ${formatResponse(first!)}`);
      }
      return makeVerdict(isSuccess(second!) ? "pass" : "fail", probe.target.strictness, formatResponse(second!));
    },
  },
];

/** How Stripe's API v1 treats keys, for APIs that follow it. */
export const stripe: VerifyProfile = {
  title: "Stripe's API v1",
  url,
  cases: stripeCases,
  sentences: [
    {
      section: "Idempotent requests",
      level: "MUST",
      text: "Repeats get the first status and body, whether it succeeded or failed.",
      cases: ["R01", "R02", "R03", "R10", "R11", "R13", "P03"],
    },
    {
      section: "Idempotent requests",
      level: "MUST",
      text: "Keys have up to 255 characters.",
      cases: ["K02", "K07", "K08"],
    },
    {
      section: "Idempotent requests",
      level: "SHOULD",
      text: "Keys are random.",
      cases: [],
      untested: "it binds callers",
    },
    { section: "Idempotent requests", level: "MUST", text: "Keys are stored for 24 hours.", cases: ["R12"] },
    {
      section: "Idempotent requests",
      level: "MUST",
      text: "A key that was pruned is a new request.",
      cases: [],
      untested: "the run does not wait a day, and a key of Stripe's has no date",
    },
    {
      section: "Idempotent requests",
      level: "MUST",
      text: "Other parameters under a key are an error.",
      cases: ["P02", "F02", "F03"],
    },
    {
      section: "Idempotent requests",
      level: "MUST",
      text: "A request that fails validation is not stored.",
      cases: ["E03", "P04"],
    },
    {
      section: "Idempotent requests",
      level: "MUST",
      text: "A request that conflicts with one in flight is not stored.",
      cases: ["C01", "C02", "C03", "C05", "C09"],
    },
    {
      section: "Idempotent requests",
      level: "MUST",
      text: "All POSTs take keys, and need none.",
      cases: ["R14", "P01"],
    },
    { section: "Idempotent requests", level: "MUST", text: "A key of a GET has no effect.", cases: ["F13"] },
    { section: "Idempotent requests", level: "MUST", text: "Keys belong to an account.", cases: ["S01", "S02", "S03"] },
    {
      section: "Low-level errors",
      level: "MUST",
      text: "After a lost connection, the same key and parameters get the result.",
      cases: ["D01", "D02", "D03", "D04"],
    },
  ],
};
