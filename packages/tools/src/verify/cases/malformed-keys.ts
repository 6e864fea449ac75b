import type { ConformanceCase } from "../conformance-case.ts";
import { judgeOne } from "../judges.ts";
import { type Probe, isSuccess } from "../probe.ts";
import { draftUrl, guideUrl, rfcUrl } from "../rules.ts";
import { formatResponse } from "../format.ts";
import { type Verdict, makeVerdict } from "../verdict.ts";

/** A request with a header that holds no key. The draft has it refused; in practice some take it for a key all the same. */
const judgeRefusal = (...values: readonly string[]) =>
  judgeOne(
    (probe) => probe.withKey(probe.newOperation(), ...values.map((value) => value.replace("KEY", probe.newKey()))),
    {
      refused: "pass",
      ran: "fail/warn",
    },
  );

/** Two operations with an empty key: a server that takes it for one mixes up all callers who have none. */
const judgeEmptyKey =
  (value: string) =>
  async (probe: Probe): Promise<Verdict> => {
    const { strictness } = probe.target;
    const operation = () => probe.withKey(probe.newOperation(), value);
    const [first, second] = await probe.send(operation(), operation());
    const observed = `two operations: ${formatResponse(first!)}; ${formatResponse(second!)}`;
    if (first!.status >= 500 || second!.status >= 500) return makeVerdict("fail", strictness, observed);
    if (!isSuccess(first!)) return makeVerdict("pass", strictness, `refused: ${formatResponse(first!)}`);
    const { responses, effects } = await probe.tally(() => probe.send(operation(), operation()));
    const isOneKey = effects < 2 || responses.some((response) => !isSuccess(response));
    if (isOneKey) return makeVerdict("fail", strictness, `all empty keys are one key. ${observed}`);
    return makeVerdict("fail/warn", strictness, "taken for a request without a key");
  };

/** Values that are no keys, and must not be taken for one. */
export const malformedKeys: readonly ConformanceCase[] = [
  {
    id: "K13",
    title: "A request without a key is refused with 400",
    reason: "A caller that forgets its key believes itself protected.",
    rule: draftUrl("2.7"),
    async run(probe) {
      const { strictness } = probe.target;
      const [response] = await probe.send(probe.withKey(probe.newOperation()));
      const { status } = response!;
      if (status >= 500) return makeVerdict("fail", strictness, formatResponse(response!));
      if (isSuccess(response!))
        return makeVerdict("fail/pass", strictness, `keys are optional: ${formatResponse(response!)}`);
      return makeVerdict(status === 400 ? "pass" : "fail/warn", strictness, `refused: ${formatResponse(response!)}`);
    },
  },
  {
    id: "K14",
    title: "An empty header is no key",
    reason: "A client with an empty variable must not share a key with all other such clients.",
    rule: draftUrl("2.1"),
    run: judgeEmptyKey(""),
  },
  {
    id: "K15",
    title: 'An empty string ("") is no key',
    reason: "As K14, in quotes.",
    rule: guideUrl("K15"),
    run: judgeEmptyKey('""'),
  },
  {
    id: "K16",
    title: "Two different keys in one request are refused",
    reason: "Either of the two may name the operation.",
    rule: draftUrl("2.1"),
    run: judgeRefusal("KEY", "KEY-2"),
  },
  {
    id: "K17",
    title: "A repeated key header is refused",
    reason: "Libraries join it to `k, k`, some take the first, some the last: the retry gets another key.",
    rule: draftUrl("2.1"),
    async run(probe) {
      const value = probe.formatKey(probe.newKey());
      return judgeOne(() => probe.withKey(probe.newOperation(), value, value), { refused: "pass", ran: "fail/warn" })(
        probe,
      );
    },
  },
  {
    id: "K18",
    title: 'An open quote ("k) is refused',
    reason: "A key that was cut off on the way is another key.",
    rule: rfcUrl(9651, "4.2.5"),
    run: judgeRefusal('"KEY'),
  },
  {
    id: "K19",
    title: 'Text after the closing quote ("k"x) is refused',
    reason: "What follows a structured string is no part of it, so it is broken.",
    rule: rfcUrl(9651, "4.2"),
    run: judgeRefusal('"KEY"x'),
  },
  {
    id: "K20",
    title: "A key beyond ASCII is refused",
    reason: "Its bytes are read in one charset here and in another there, so one key becomes two.",
    rule: rfcUrl(9651, "3.3.3"),
    run: judgeRefusal("KEY-\u{e4}"),
  },
];
