import { describe, expect, test } from "vitest";
import { collectGarbage } from "../../../../test/support/collect-garbage.ts";
import { brokenHistories, historyOf } from "../../../../test/support/histories.ts";
import { type HistoryRule, historyRules, judgeHistory, type Violation, violations } from "./index.ts";

const rules = Object.keys(historyRules) as HistoryRule[];

const textOf = (lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const judge = (lines: readonly object[]) => judgeHistory(chunksOf(Buffer.from(textOf(lines)), 1000));

/** The rules that lines break. */
const brokenBy = async (lines: readonly object[]): Promise<string[]> =>
  (await judge(lines)).anomalies.map(({ rule }) => rule);

const invoke = { type: "invoke", key: "k" };
const effect = { type: "effect", key: "k", effect: "e" };

describe("a history", () => {
  test("without an anomaly is clean, with repeats, refusals and doubts", async () => {
    const judged = await judgeHistory(historyOf(2000));
    expect(judged).toMatchObject({ keys: 2000, calls: 2400, effects: 1600, anomalies: [] });
  });

  test.for(rules)("that breaks %s is found out by that alone, with the lines that show it", async (rule) => {
    const { anomalies } = await judgeHistory(historyOf(2000, [rule]));
    expect(anomalies.map((anomaly) => [anomaly.rule, anomaly.count])).toEqual([[rule, 1]]);
    const { lines } = anomalies[0]!.smallest;
    const broken = brokenHistories[rule].map((line) => JSON.stringify(line));
    expect(lines.length).toBeLessThanOrEqual(2);
    for (const { text } of lines) expect(broken).toContain(text);
  });

  test("shows of each rule the violation that the fewest lines show", async () => {
    const [anomaly] = (
      await judge([
        invoke,
        effect,
        { type: "fail", key: "k" },
        { type: "invoke", key: "l" },
        { type: "ok", key: "l", effects: ["gone"] },
      ])
    ).anomalies;
    expect(anomaly).toMatchObject({ rule: "no-lost-effect", count: 2, smallest: { key: "l", lines: [{ line: 5 }] } });
  });

  test("is judged by scope and key: another account's key is another key", async () => {
    expect(await brokenBy([invoke, effect, { ...invoke, scope: "other" }, { ...effect, scope: "other" }])).toEqual([]);
  });

  test("may have several effects of an operation, if each has a name", async () => {
    const mail = { ...effect, effect: "m", name: "mail" };
    expect(await brokenBy([invoke, effect, mail])).toEqual([]);
    expect(await brokenBy([invoke, effect, mail, { ...mail, effect: "m2" }])).toEqual(["one-effect"]);
    // The same id twice in the ledger is two entries.
    expect(await brokenBy([invoke, effect, effect])).toEqual(["one-effect"]);
  });

  test("may have an effect in doubt, and none that its caller believes has not happened", async () => {
    const failed = { type: "fail", key: "k" };
    expect(await brokenBy([invoke, effect, { type: "info", key: "k" }])).toEqual([]);
    expect(await brokenBy([invoke, effect])).toEqual([]);
    expect(await brokenBy([invoke, effect, failed])).toEqual(["no-lost-effect"]);
    expect(await brokenBy([invoke, failed, effect])).toEqual(["no-lost-effect"]);
    expect(await brokenBy([invoke, invoke, failed, effect])).toEqual([]);
    expect(await brokenBy([invoke, failed])).toEqual([]);
    expect(await brokenBy([effect])).toEqual(["no-lost-effect"]);
    const refused = { type: "ok", key: "k", response: "declined", effects: [] };
    expect(await brokenBy([invoke, refused])).toEqual([]);
    expect(await brokenBy([invoke, effect, refused])).toEqual(["no-lost-effect"]);
  });

  test("without a ledger is judged by the effects that its successes name", async () => {
    const ok = (id: string, response: string) => ({ type: "ok", key: "k", response, effects: [id] });
    expect(await brokenBy([invoke, ok("1", "a"), invoke, ok("1", "a")])).toEqual([]);
    expect(await brokenBy([invoke, ok("1", "a"), invoke, ok("2", "b")])).toEqual(["one-effect", "same-answer"]);
  });

  test("in which two successes name different effects is broken, with or without a ledger and hashes", async () => {
    const ok = (...effects: string[]) => ({ type: "ok", key: "k", effects });
    const named = (id: string) => ({ ...effect, effect: id, name: id });
    expect(await brokenBy([invoke, ok("1"), invoke, ok("2")])).toEqual(["one-effect"]);
    expect(await brokenBy([invoke, named("1"), named("2"), ok("1"), invoke, ok("2")])).toEqual(["one-effect"]);
    expect(await brokenBy([invoke, ok("1"), invoke, ok("1", "2")])).toEqual(["one-effect"]);
    expect(await brokenBy([invoke, ok("1", "2"), invoke, ok("2", "1", "2")])).toEqual([]);
    expect(await brokenBy([invoke, ok("1"), invoke, { type: "ok", key: "k" }])).toEqual([]);
    expect(await brokenBy([invoke, ok(), invoke, ok("1")])).toEqual(["no-lost-effect"]);
    // One double effect is one anomaly, though both the ledger and the successes show it.
    const twice = [invoke, effect, { ...effect, effect: "f" }, ok("e"), invoke, ok("f")];
    const [found] = (await judge(twice)).anomalies;
    expect(found).toMatchObject({ rule: "one-effect", count: 1, smallest: { violation: "two-effects" } });
  });

  test("with an effect of another request answers for another", async () => {
    expect(
      await brokenBy([invoke, { ...effect, request: "r" }, { type: "ok", key: "k", request: "q", response: "a" }]),
    ).toEqual(["own-answer"]);
    const sent = { ...invoke, request: "r" };
    const ok = (request: string) => ({ type: "ok", key: "k", request, response: "declined", effects: [] });
    expect(await brokenBy([sent, ok("r")])).toEqual([]);
    expect(await brokenBy([sent, ok("q")])).toEqual(["own-answer"]);
    expect(await brokenBy([invoke, ok("q")])).toEqual([]);
  });

  test("has each violation reported, and not the smallest alone", async () => {
    const keys: string[] = [];
    const lines = ["a", "b"].flatMap((key) => [
      { ...invoke, key },
      { ...effect, key },
      { ...effect, key },
    ]);
    await judgeHistory(chunksOf(Buffer.from(textOf(lines)), 1000), { onAnomaly: ({ key }) => keys.push(key) });
    expect(keys.toSorted()).toEqual(["a", "b"]);
  });

  test("may bring what was published again, at any place of its sequence", async () => {
    const at = (position: number) => [
      { type: "invoke", key: String(position) },
      {
        type: "effect",
        key: String(position),
        effect: String(position),
        name: String(Math.random()),
        group: "g",
        position,
      },
    ];
    expect(await brokenBy([1, 2, 1, 3, 2].flatMap(at))).toEqual([]);
    expect(await brokenBy([1, 3, 2].flatMap(at))).toEqual(["order-per-key"]);
    expect(await brokenBy([])).toEqual([]);
  });
});

const ok = { type: "ok", key: "k" };

/** A history that is broken by one violation. */
const brokenHistory: Readonly<Record<Violation, readonly object[]>> = {
  "two-effects": [invoke, effect, effect],
  "different-effects": [invoke, { ...ok, effects: ["1"] }, invoke, { ...ok, effects: ["2"] }],
  "different-responses": [invoke, { ...ok, response: "a" }, invoke, { ...ok, response: "b" }],
  "two-requests": [invoke, { ...ok, request: "r" }, { ...ok, request: "q" }],
  "unsent-request": [
    { ...invoke, request: "r" },
    { ...ok, request: "q" },
  ],
  "effect-of-another-request": [invoke, { ...effect, request: "r" }, { ...ok, request: "q" }],
  "effect-not-there": [invoke, effect, { ...ok, effects: ["gone"] }],
  "effect-denied": [invoke, effect, { ...ok, effects: [] }],
  "effect-without-a-request": [effect],
  "effect-disbelieved": [invoke, effect, { type: "fail", key: "k" }],
  "position-too-late": [2, 1].flatMap((position) => [
    { ...invoke, key: `k${position}` },
    { ...effect, key: `k${position}`, group: "g", position },
  ]),
};

test.for(Object.entries(violations))(
  "a history is broken by %s alone, under the rule of the table",
  async ([violation, { rule }]) => {
    const found: object[] = [];
    await judgeHistory(chunksOf(Buffer.from(textOf(brokenHistory[violation as Violation])), 1000), {
      onAnomaly: (anomaly) => found.push({ violation: anomaly.violation, rule: anomaly.rule }),
    });
    expect(found).toEqual([{ violation, rule }]);
  },
);

test("each rule has a violation", () => {
  expect(new Set(Object.values(violations).map(({ rule }) => rule))).toEqual(new Set(rules));
});

describe("the bytes of a history", () => {
  const text = textOf(rules.flatMap((rule) => brokenHistories[rule].map((line) => ({ ...line, scope: "žluť 😀" }))));
  const utf16 = Buffer.from(`\uFEFF${text}`, "utf16le");
  const bigEndian = Buffer.from(utf16);
  bigEndian.swap16();

  test.for([
    ["UTF-8", Buffer.from(text)],
    ["UTF-8 with a mark", Buffer.from(`\uFEFF${text}`)],
    ["UTF-16, little-endian", utf16],
    ["UTF-16, big-endian", bigEndian],
    ["lines that end as on Windows", Buffer.from(text.replaceAll("\n", "\r\n"))],
    ["no newline at the end", Buffer.from(text.trimEnd())],
  ] as const)("are read in chunks of any size: %s", async ([, bytes]) => {
    for (const size of [1, 2, 3, 7, 1000, bytes.length]) {
      const { lines, anomalies } = await judgeHistory(chunksOf(bytes, size));
      expect([size, lines, anomalies.map(({ rule }) => rule)]).toEqual([size, text.split("\n").length - 1, rules]);
      expect(anomalies[0]!.smallest.scope).toBe("žluť 😀");
    }
  });

  test.for([
    ["not JSON", "{", 'line 2 must be one JSON object, but it is "{".'],
    ["no object", "[1]", "line 2 must be one JSON object"],
    ["no type", '{"key":"k"}', 'line 2 must be an object with a "type" of invoke'],
    ["no key", '{"type":"ok"}', 'line 2 must be an object with a "key"'],
    ["no id", '{"type":"effect","key":"k"}', 'line 2 must be an effect with its id as "effect"'],
    ["effects that are no list", '{"type":"ok","key":"k","effects":"e"}', 'line 2 must be "effects" as a list of ids'],
    [
      "a key that is no text",
      '{"type":"ok","key":{}}',
      'line 2 must be an object in which "key" is a text or a number',
    ],
    [
      "a position without a number",
      '{"type":"effect","key":"k","effect":"e","position":"x"}',
      'a "position" that is a number',
    ],
  ])("with %s are refused, with the line", async ([, line, message]) => {
    const bytes = Buffer.from(`${JSON.stringify(invoke)}\n${line}\n`);
    await expect(judgeHistory(chunksOf(bytes, 5))).rejects.toMatchObject({
      code: "ONCE_OPTION_INVALID",
      message: expect.stringContaining(message!) as unknown,
    });
  });

  test("that are no text, or a line without an end, are refused", async () => {
    await expect(judgeHistory(chunksOf(Uint8Array.of(0x7b, 0xff, 0xfe, 0x0a), 1))).rejects.toThrow("a text in UTF-8");
    await expect(judgeHistory(chunksOf(Buffer.alloc(1_100_000, "x"), 100_000))).rejects.toThrow("1,000,000 characters");
  });
});

test("a history of more bytes than was said is split again, and judged alike", async () => {
  const { keys, anomalies } = await judgeHistory(historyOf(50_000, rules), { bytes: 1 });
  expect([keys, anomalies.map(({ rule, count }) => [rule, count])]).toEqual([50_006, rules.map((rule) => [rule, 1])]);
});

test("a longer history takes no more memory", async () => {
  const heapOf = async (operations: number): Promise<number> => {
    const bytes = operations * 300;
    let peak = 0;
    const measure = (): void => {
      // Garbage is of no interest, and of chance.
      collectGarbage();
      peak = Math.max(peak, process.memoryUsage().heapUsed);
    };
    let next = 0;
    await judgeHistory(historyOf(operations, rules), {
      bytes,
      onProgress(seen) {
        if (seen < next) return;
        next = seen + bytes / 5;
        measure();
      },
      // In the middle of a part.
      onAnomaly: measure,
    });
    return peak;
  };
  const short = await heapOf(20_000);
  expect(await heapOf(200_000)).toBeLessThan(short + 50_000_000);
});

test("a judgement that is interrupted ends, and leaves no file behind", async () => {
  const controller = new AbortController();
  const judging = judgeHistory(historyOf(100_000), { signal: controller.signal, onProgress: () => controller.abort() });
  await expect(judging).rejects.toThrow("aborted");
});
