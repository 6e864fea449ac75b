import type { ConformanceCase } from "../conformance-case.ts";
import { two } from "../judges.ts";
import { succeeded } from "../probe.ts";
import { draft, guide } from "../rules.ts";
import { counted, statuses } from "../format.ts";
import { verdict } from "../verdict.ts";

/** Whose key it is. */
export const scope: readonly ConformanceCase[] = [
  {
    id: "S01",
    title: "Another principal's equal key and body is another operation",
    reason: "Two shops number their orders 1, 2, 3: the second must not get the first one's answer.",
    rule: draft("5"),
    run: two(
      (probe) => {
        const request = probe.operation();
        return [request, probe.asOther(request)];
      },
      { ran: "pass" },
    ),
  },
  {
    id: "S02",
    title: "Another principal's equal key with its own body runs",
    reason: "A refusal tells that somebody used this key, and lets one tenant block another's.",
    rule: draft("5"),
    run: two(
      (probe) => {
        const request = probe.operation();
        return [request, probe.asOther(probe.withOtherBody(request))];
      },
      { ran: "pass" },
    ),
  },
  {
    id: "S03",
    title: "Each of two principals gets its own answer again",
    reason: "A record that the second overwrites is lost to the first.",
    rule: draft("5"),
    async run(probe) {
      const request = probe.operation();
      const other = probe.asOther(request);
      const { answers, effects } = await probe.tally(() => probe.send(request, other, request, other));
      const [first, second, third, fourth] = answers;
      const isRight = first!.body.equals(third!.body) && second!.body.equals(fourth!.body) && effects === 2;
      const observed = `${counted(effects, "effect")} of 2 operations; ${statuses(answers)}`;
      return verdict(isRight ? "pass" : "fail", probe.target.strictness, observed);
    },
  },
  {
    id: "S04",
    title: "Two principals with one key at once both run",
    reason: "A lock by the key alone makes one tenant's order fail by another's.",
    rule: draft("5"),
    async run(probe) {
      const request = probe.operation();
      const other = probe.asOther(request);
      const { answers, effects } = await probe.tally(() => probe.sendAs("together", request, other));
      const isRight = effects === 2 && answers.every(succeeded);
      return verdict(isRight ? "pass" : "fail", probe.target.strictness, `${effects} effects; ${statuses(answers)}`);
    },
  },
  {
    id: "S05",
    title: "Without credentials there is no replay",
    reason: "A replay that is looked up before the caller is known gives answers to whoever guesses a key.",
    rule: guide("S05"),
    run: two(
      (probe) => {
        const request = probe.operation();
        return [request, probe.asNobody(request)];
      },
      { ran: "pass", refused: "pass", broke: "pass" },
    ),
  },
];
