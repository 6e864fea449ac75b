import type { ConformanceCase } from "../conformance-case.ts";
import { one } from "../judges.ts";
import { type Probe, succeeded } from "../probe.ts";
import { draft, guide, rfc } from "../rules.ts";
import { shown } from "../format.ts";
import { type Verdict, verdict } from "../verdict.ts";

/** A request whose header holds no key. The draft has it refused; in practice some take it for a key all the same. */
const refused = (...values: readonly string[]) =>
  one((probe) => probe.withKey(probe.operation(), ...values.map((value) => value.replace("KEY", probe.newKey()))), {
    refused: "pass",
    ran: "fail/warn",
  });

/** Two operations with an empty key: a server that takes it for one mixes up all callers who have none. */
const emptyKey =
  (value: string) =>
  async (probe: Probe): Promise<Verdict> => {
    const { strictness } = probe.target;
    const operation = () => probe.withKey(probe.operation(), value);
    const [first, second] = await probe.send(operation(), operation());
    const observed = `two operations: ${shown(first!)}; ${shown(second!)}`;
    if (first!.status >= 500 || second!.status >= 500) return verdict("fail", strictness, observed);
    if (!succeeded(first!)) return verdict("pass", strictness, `refused: ${shown(first!)}`);
    const { answers, effects } = await probe.tally(() => probe.send(operation(), operation()));
    const isOneKey = effects < 2 || answers.some((answer) => !succeeded(answer));
    if (isOneKey) return verdict("fail", strictness, `all empty keys are one key. ${observed}`);
    return verdict("fail/warn", strictness, "taken for a request without a key");
  };

/** What is no key, and must not be taken for one. */
export const malformedKeys: readonly ConformanceCase[] = [
  {
    id: "K13",
    title: "A request without a key is refused with 400",
    reason: "A caller that forgets its key believes itself protected.",
    rule: draft("2.7"),
    async run(probe) {
      const { strictness } = probe.target;
      const [answer] = await probe.send(probe.withKey(probe.operation()));
      const { status } = answer!;
      if (status >= 500) return verdict("fail", strictness, shown(answer!));
      if (succeeded(answer!)) return verdict("fail/pass", strictness, `keys are optional: ${shown(answer!)}`);
      return verdict(status === 400 ? "pass" : "fail/warn", strictness, `refused: ${shown(answer!)}`);
    },
  },
  {
    id: "K14",
    title: "An empty header is no key",
    reason: "A client whose variable is empty must not share a key with all other such clients.",
    rule: draft("2.1"),
    run: emptyKey(""),
  },
  {
    id: "K15",
    title: 'An empty string ("") is no key',
    reason: "As K14, in quotes.",
    rule: guide("K15"),
    run: emptyKey('""'),
  },
  {
    id: "K16",
    title: "Two different keys in one request are refused",
    reason: "Nobody can say which of the two names the operation.",
    rule: draft("2.1"),
    run: refused("KEY", "KEY-2"),
  },
  {
    id: "K17",
    title: "A repeated key header is refused",
    reason: "Libraries join it to `k, k`, some take the first, some the last: the retry gets another key.",
    rule: draft("2.1"),
    async run(probe) {
      const value = probe.written(probe.newKey());
      return one(() => probe.withKey(probe.operation(), value, value), { refused: "pass", ran: "fail/warn" })(probe);
    },
  },
  {
    id: "K18",
    title: 'An open quote ("k) is refused',
    reason: "A key that was cut off on the way is another key.",
    rule: rfc(9651, "4.2.5"),
    run: refused('"KEY'),
  },
  {
    id: "K19",
    title: 'Text after the closing quote ("k"x) is refused',
    reason: "What follows a structured string is no part of it, so it is broken.",
    rule: rfc(9651, "4.2"),
    run: refused('"KEY"x'),
  },
  {
    id: "K20",
    title: "A key beyond ASCII is refused",
    reason: "Its bytes are read in one charset here and in another there, so one key becomes two.",
    rule: rfc(9651, "3.3.3"),
    run: refused("KEY-\u{e4}"),
  },
];
