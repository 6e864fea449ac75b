import type { ConformanceCase } from "../conformance-case.ts";
import { judgeEach, judgeOne, judgeTwo, judgeTwoOperations } from "../judges.ts";
import type { Probe } from "../probe.ts";
import { draftUrl, guideUrl, rfcUrl } from "../rules.ts";
import type { TestRequest } from "../test-request.ts";

/** One request, sent with each of two values of its key's header. */
const makeTwoForms =
  (values: (key: string, probe: Probe) => readonly [string, string]) =>
  (probe: Probe): readonly [TestRequest, TestRequest] => {
    const request = probe.newOperation();
    const [first, second] = values(probe.newKey(), probe);
    return [probe.withKey(request, first), probe.withKey(request, second)];
  };

/** Two operations, with keys that are nearly the same. */
const makeTwoKeys =
  (keys: (key: string) => readonly [string, string]) =>
  (probe: Probe): readonly [TestRequest, TestRequest] => {
    const [first, second] = keys(probe.newKey());
    const operation = (key: string): TestRequest => probe.withKey(probe.newOperation(), probe.formatKey(key));
    return [operation(first), operation(second)];
  };

/** Where columns end that cut without a word: at 36, 64, 128 and 255 characters, or later. */
const cutLengths = [40, 70, 130, 254, 2000];

/** How well-formed keys are accepted, and distinguished. */
export const keyForms: readonly ConformanceCase[] = [
  {
    id: "K01",
    title: 'A quoted key ("k") is taken',
    reason: "The draft's keys are structured strings; its clients send quotes.",
    rule: draftUrl("2.1"),
    run: judgeOne((probe) => probe.withKey(probe.newOperation(), `"${probe.newKey()}"`), {
      ran: "pass",
      refused: "fail/warn",
    }),
  },
  {
    id: "K02",
    title: "A key without quotes (k) is taken",
    reason: "Nearly every client in use sends the bare key.",
    rule: guideUrl("K02"),
    run: judgeOne((probe) => probe.withKey(probe.newOperation(), probe.newKey()), {
      ran: "pass",
      refused: "pass/fail",
    }),
  },
  {
    id: "K03",
    title: '"k" and k are the same key',
    reason: "When an update of a client's library begins to quote keys, a retry in its middle must not charge again.",
    rule: guideUrl("K03"),
    run: judgeTwo(
      makeTwoForms((key) => [`"${key}"`, key]),
      { replayed: "pass", ran: "fail/warn", refused: "not-applicable" },
    ),
  },
  {
    id: "K04",
    title: "White space around a key is no part of it",
    reason: "Proxies add and remove it.",
    rule: rfcUrl(9110, "5.5"),
    run: judgeTwo(
      makeTwoForms((key, probe) => [probe.formatKey(key), `  ${probe.formatKey(key)}\t `]),
      { replayed: "pass" },
    ),
  },
  {
    id: "K05",
    title: "The header's name is found in any case",
    reason: "Names of headers are case-insensitive, and HTTP/2 sends all of them in lower case.",
    rule: rfcUrl(9110, "5.1"),
    run: judgeTwo(
      (probe) => {
        const request = probe.newOperation();
        const inCase = (change: (name: string) => string): TestRequest => ({
          ...request,
          headers: request.headers.map(([name, value]) =>
            name === probe.target.keyHeader ? [change(name), value] : [name, value],
          ),
        });
        return [inCase((name) => name.toLowerCase()), inCase((name) => name.toUpperCase())];
      },
      { replayed: "pass", "refused-first": "fail" },
    ),
  },
  {
    id: "K06",
    title: "Parameters of a quoted key are no part of it",
    reason: "A structured item may carry parameters, and who does not know them ignores them.",
    rule: rfcUrl(9651, "3.1.2"),
    run: judgeTwo(
      makeTwoForms((key) => [`"${key}"`, `"${key}";source=verify`]),
      { replayed: "pass", ran: "fail/warn", refused: "warn" },
    ),
  },
  {
    id: "K07",
    title: "A key of 255 characters is taken",
    reason: "That is the field's usual limit, and clients put business ids into keys.",
    rule: guideUrl("K07"),
    run: judgeTwo(
      makeTwoForms((key, probe) => {
        const value = probe.formatKey(key.padEnd(255, "k"));
        return [value, value];
      }),
      { replayed: "pass", "refused-first": "warn" },
    ),
  },
  {
    id: "K08",
    title: "Long keys are refused or used whole, never cut",
    reason: "Two keys that differ after the cut become one, and the second operation gets the first's answer.",
    rule: draftUrl("2.2"),
    run: judgeEach(
      cutLengths.map((length) =>
        judgeTwoOperations(makeTwoKeys((key) => [`${key.padEnd(length, "k")}1`, `${key.padEnd(length, "k")}2`])),
      ),
    ),
  },
  {
    id: "K09",
    title: "Upper and lower case make different keys",
    reason: "A database that compares without case makes one key out of two.",
    rule: draftUrl("2.2"),
    run: judgeTwoOperations(makeTwoKeys((key) => [`${key}-case`, `${key}-CASE`])),
  },
  {
    id: "K10",
    title: "Keys are not decoded: a%2Fb and a/b differ",
    reason: "A key that passes through a URL or a path is changed on the way, and two become one.",
    rule: draftUrl("2.2"),
    run: judgeTwoOperations(makeTwoKeys((key) => [`${key}%2Fb`, `${key}/b`])),
  },
  {
    id: "K11",
    title: "Keys are compared by no pattern: % and _ are plain",
    reason: "A key that reaches a LIKE, a glob or a regular expression finds another's record.",
    rule: draftUrl("5"),
    run: judgeTwoOperations(makeTwoKeys((key) => [`${key}-a`, `${key.slice(0, 8)}%`])),
  },
  {
    id: "K12",
    title: "A key is data: quotes of SQL in it do no harm",
    reason: "A key that is put into a query as text is an injection.",
    rule: draftUrl("5"),
    run: judgeOne((probe) => probe.withKey(probe.newOperation(), probe.formatKey(`${probe.newKey()}';--`)), {
      ran: "pass",
      refused: "pass",
    }),
  },
];
