import type { ConformanceCase } from "../conformance-case.ts";
import { judgeTwo } from "../judges.ts";
import { isSuccess } from "../probe.ts";
import { draftUrl, guideUrl } from "../rules.ts";
import { formatCount, formatStatuses } from "../format.ts";
import { makeVerdict } from "../verdict.ts";

/** The caller that a key belongs to. */
export const scope: readonly ConformanceCase[] = [
  {
    id: "S01",
    title: "Another principal's equal key and body is another operation",
    reason: "Two shops number their orders 1, 2, 3: the second must not get the first one's answer.",
    rule: draftUrl("5"),
    run: judgeTwo(
      (probe) => {
        const request = probe.newOperation();
        return [request, probe.asOther(request)];
      },
      { ran: "pass" },
    ),
  },
  {
    id: "S02",
    title: "Another principal's equal key with its own body runs",
    reason: "A refusal shows that another tenant used this key, and lets one tenant block another's.",
    rule: draftUrl("5"),
    run: judgeTwo(
      (probe) => {
        const request = probe.newOperation();
        return [request, probe.asOther(probe.withOtherBody(request))];
      },
      { ran: "pass" },
    ),
  },
  {
    id: "S03",
    title: "Each of two principals gets its own answer again",
    reason: "A record that the second overwrites is lost to the first.",
    rule: draftUrl("5"),
    async run(probe) {
      const request = probe.newOperation();
      const other = probe.asOther(request);
      const { responses, effects } = await probe.tally(() => probe.send(request, other, request, other));
      const [first, second, third, fourth] = responses;
      const isRight = first!.body.equals(third!.body) && second!.body.equals(fourth!.body) && effects === 2;
      const observed = `${formatCount(effects, "effect")} of 2 operations; ${formatStatuses(responses)}`;
      return makeVerdict(isRight ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "S04",
    title: "Two principals with one key at once both run",
    reason: "A lock by the key alone makes one tenant's order fail by another's.",
    rule: draftUrl("5"),
    async run(probe) {
      const request = probe.newOperation();
      const other = probe.asOther(request);
      const { responses, effects } = await probe.tally(() => probe.sendAs("together", request, other));
      const isRight = effects === 2 && responses.every(isSuccess);
      return makeVerdict(
        isRight ? "pass" : "fail",
        probe.target.strictness,
        `${effects} effects; ${formatStatuses(responses)}`,
      );
    },
  },
  {
    id: "S05",
    title: "Without credentials there is no replay",
    reason: "A replay that is looked up before the caller is known gives answers to anyone who guesses a key.",
    rule: guideUrl("S05"),
    run: judgeTwo(
      (probe) => {
        const request = probe.newOperation();
        return [request, probe.withoutCredentials(request)];
      },
      { ran: "pass", refused: "pass", broke: "pass" },
    ),
  },
];
