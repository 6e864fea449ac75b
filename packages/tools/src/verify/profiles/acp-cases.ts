import type { ConformanceCase } from "../conformance-case.ts";
import { formatCount, formatResponse, formatStatuses } from "../format.ts";
import { judgeOne, judgeTwo } from "../judges.ts";
import { isSuccess, type Probe } from "../probe.ts";
import type { ProbeResponse } from "../probe-response.ts";
import { findHeader, withQuery } from "../test-request.ts";
import { type Grade, makeVerdict, NotApplicable, type Verdict } from "../verdict.ts";
import { readMember, withMember } from "./json-bodies.ts";

const acpUrl = (anchor: string): string =>
  `https://github.com/agentic-commerce-protocol/agentic-commerce-protocol/blob/main/rfcs/rfc.agentic_checkout.md#${anchor}`;

const keyRule = acpUrl("61-idempotency-key-requirement");
const equivalenceRule = acpUrl("62-request-equivalence");
const replayRule = acpUrl("63-replay-behavior");
const errorRule = acpUrl("64-error-responses");
const failureRule = acpUrl("65-server-error-caching");
const retentionRule = acpUrl("66-key-retention");

/** Whether a refusal is written as the protocol has it: one flat object with type, code and message. */
function isError(response: ProbeResponse, status: number, code: string): boolean {
  const isFlat =
    typeof readMember(response, "message") === "string" && readMember(response, "type") === "invalid_request";
  return response.status === status && isFlat && readMember(response, "code") === code;
}

const judgeError = ({ target }: Probe, response: ProbeResponse, status: number, code: string): Verdict =>
  makeVerdict(isError(response, status, code) ? "pass" : "fail", target.strictness, formatResponse(response));

/** Two requests of one key that differ in one member of their JSON. A server that refuses the member can't be asked. */
const judgeMembers = (first: string | undefined, second: string, grades: Parameters<typeof judgeTwo>[1]) =>
  judgeTwo((probe) => {
    const request = probe.newOperation();
    return [first === undefined ? request : withMember(probe, request, first), withMember(probe, request, second)];
  }, grades);

const sameRequest = { replayed: "pass", refused: "fail", ran: "fail" } as const;
const otherRequest = { replayed: "fail", refused: "pass", ran: "fail" } as const;

const yearMs = 365 * 86_400_000;

/** A UUIDv7 that was made two years ago. */
function oldKey(probe: Probe): string {
  const time = (Date.now() - 2 * yearMs).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${probe.newKey().slice(15)}`;
}

async function sendAtOtherUrl(probe: Probe): Promise<Verdict> {
  const request = probe.newOperation();
  const other = probe.atOtherUrl(request);
  const { responses, effects } = await probe.tally(() => probe.send(request, other));
  const [first, second] = responses;
  if (!isSuccess(first!)) throw new NotApplicable(`the first is refused: ${formatResponse(first!)}`);
  const grade: Grade = isSuccess(second!) && effects === 2 ? "pass" : "fail";
  return makeVerdict(grade, probe.target.strictness, `${formatCount(effects, "effect")}; ${formatResponse(second!)}`);
}

/** The cases that only the Agentic Commerce Protocol has. */
export const acpCases: readonly ConformanceCase[] = [
  {
    id: "A01",
    title: "Without a key: 400, idempotency_key_required",
    reason: "An agent goes by the code: it adds the key, and sends again.",
    rule: keyRule,
    async run(probe) {
      const [response] = await probe.send(probe.withKey(probe.newOperation()));
      return judgeError(probe, response!, 400, "idempotency_key_required");
    },
  },
  {
    id: "A02",
    title: "Another body: 422, idempotency_conflict",
    reason: "It is the one error of keys that no repeat mends.",
    rule: errorRule,
    async run(probe) {
      const request = probe.newOperation();
      const [, response] = await probe.send(request, probe.withOtherBody(request));
      return judgeError(probe, response!, 422, "idempotency_conflict");
    },
  },
  {
    id: "A03",
    title: "In flight: 409, idempotency_in_flight",
    reason: "The same status has other meanings; by the code the agent waits, and asks again.",
    rule: errorRule,
    async run(probe) {
      const request = probe.newOperation();
      const responses = await probe.sendAs("together", ...Array.from({ length: 10 }, () => request));
      const early = responses.filter((response) => !isSuccess(response));
      if (early.length === 0)
        throw new NotApplicable("all got the result: the server waits, or is quicker than its callers");
      const isRight = early.every((response) => isError(response, 409, "idempotency_in_flight"));
      return makeVerdict(isRight ? "pass" : "fail", probe.target.strictness, formatStatuses(early));
    },
  },
  {
    id: "A04",
    title: "A response has the key of its request",
    reason: "Among many calls in flight, the caller files the response under the right one.",
    rule: acpUrl("31-common-requirements"),
    async run(probe) {
      const request = probe.newOperation();
      const sent = findHeader(request, probe.target.keyHeader);
      const responses = await probe.send(request, request, probe.withOtherBody(request));
      const echoed = responses.map((response) => findHeader(response, probe.target.keyHeader));
      const observed = `first, repeat, conflict: ${echoed.map((key) => (key === sent ? "echoed" : (key ?? "none"))).join(", ")}`;
      return makeVerdict(echoed.every((key) => key === sent) ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "A05",
    title: "A key need not be a UUID",
    reason: "It is an opaque string; agents derive it from the order that they hold.",
    rule: keyRule,
    run: judgeOne((probe) => probe.withKey(probe.newOperation(), probe.formatKey(`cart:7/line.1_${probe.newKey()}`)), {
      ran: "pass",
    }),
  },
  {
    id: "A06",
    title: "The same key at another path is another operation",
    reason: "An agent that names its session by one key creates, updates and completes it.",
    rule: keyRule,
    run: sendAtOtherUrl,
  },
  {
    id: "A07",
    title: "Another query is the same request",
    reason: "The path is the endpoint, and the body is the request. Nothing else counts.",
    rule: equivalenceRule,
    run: judgeTwo((probe) => {
      const request = probe.newOperation();
      return [request, withQuery(request, "verify=1")];
    }, sameRequest),
  },
  {
    id: "A08",
    title: "null and a missing member are two requests",
    reason: "null clears a field, and a missing one leaves it as it is.",
    rule: equivalenceRule,
    run: judgeMembers(undefined, '"verify_note":null', otherRequest),
  },
  {
    id: "A09",
    title: "1.0 and 1 are the same request",
    reason: "Libraries write one number in two ways.",
    rule: equivalenceRule,
    run: judgeMembers('"verify_count":1.0', '"verify_count":1', sameRequest),
  },
  {
    id: "A10",
    title: "Another order of an array is another request",
    reason: "The first of two line items may be the one that ships.",
    rule: equivalenceRule,
    run: judgeMembers('"verify_items":[1,2]', '"verify_items":[2,1]', otherRequest),
  },
  {
    id: "A11",
    title: "A repeat has Idempotent-Replayed: true, and the first has not",
    reason: "By it an agent knows that it did not order twice.",
    rule: replayRule,
    async run(probe) {
      const request = probe.newOperation();
      const [first, second] = await probe.send(request, request);
      const [before, after] = [first!, second!].map((response) => findHeader(response, "idempotent-replayed"));
      const observed = `first: ${before ?? "none"}; repeat: ${after ?? "none"}`;
      const { strictness } = probe.target;
      if (before === "true") return makeVerdict("fail", strictness, observed);
      return makeVerdict(after === "true" ? "pass" : "fail/warn", strictness, observed);
    },
  },
  {
    id: "A12",
    title: "A failure (5xx) is not stored: its repeat is a fresh request",
    reason: "The agent sends again after a failure. A stored failure would never let the order through.",
    rule: failureRule,
    async run(probe) {
      const { failingBody, strictness } = probe.target;
      if (failingBody === undefined) throw new NotApplicable("needs a body at which the operation fails");
      const request = { ...probe.newOperation(), body: Buffer.from(failingBody) };
      const [first, second] = await probe.send(request, request);
      if (first!.status < 500) throw new NotApplicable(`the body that should fail gets ${formatResponse(first!)}`);
      const isReplay = findHeader(second!, "idempotent-replayed") !== undefined;
      const isFresh = !isReplay && second!.status !== 409 && second!.status !== 422;
      const observed = `${formatResponse(second!)}${isReplay ? ", marked as a replay" : ""}`;
      return makeVerdict(isFresh ? "pass" : "fail", strictness, observed);
    },
  },
  {
    id: "A13",
    title: "A policy, where the server states one, keeps keys for 24 hours",
    reason: "An agent that was cut off comes back the next morning.",
    rule: retentionRule,
    async run(probe) {
      const [response] = await probe.send(probe.newOperation());
      const policy = findHeader(response!, "idempotency-key-policy");
      const [, seconds] = /\bretention=(\d+)/.exec(policy ?? "") ?? [];
      if (seconds === undefined) throw new NotApplicable("the server states no retention; the run does not wait a day");
      return makeVerdict(Number(seconds) >= 86_400 ? "pass" : "fail", probe.target.strictness, `retention=${seconds}`);
    },
  },
  {
    id: "A14",
    title: "A key from two years ago is a new request",
    reason: "What has expired was forgotten. It is no error.",
    rule: retentionRule,
    run: judgeOne((probe) => probe.withKey(probe.newOperation(), probe.formatKey(oldKey(probe))), { ran: "pass" }),
  },
  {
    id: "A15",
    title: "Members of extensions tell requests apart",
    reason: "A discount is an extension, and its code is part of the order.",
    rule: acpUrl("67-extension-fields"),
    run: judgeMembers('"verify_extension":{"code":"A"}', '"verify_extension":{"code":"B"}', otherRequest),
  },
];
