import { Readable } from "node:stream";
import type { HistoryRule } from "../../packages/tools/src/judge/index.ts";

/** The lines that break one rule, under keys that nothing else has. */
export const brokenHistories: Readonly<Record<HistoryRule, readonly object[]>> = {
  "one-effect": [
    { type: "invoke", key: "twice", request: "r" },
    { type: "effect", key: "twice", effect: "t1" },
    { type: "effect", key: "twice", effect: "t2" },
    { type: "ok", key: "twice", request: "r", response: "a", effects: ["t1"] },
  ],
  "same-answer": [
    { type: "invoke", key: "fickle", request: "r" },
    { type: "effect", key: "fickle", effect: "f1" },
    { type: "ok", key: "fickle", request: "r", response: "a", effects: ["f1"] },
    { type: "invoke", key: "fickle", request: "r" },
    { type: "ok", key: "fickle", request: "r", response: "b", effects: ["f1"] },
  ],
  "own-answer": [
    { type: "invoke", key: "shared", request: "r" },
    { type: "effect", key: "shared", effect: "s1" },
    { type: "ok", key: "shared", request: "r", response: "a" },
    { type: "invoke", key: "shared", request: "q" },
    { type: "ok", key: "shared", request: "q", response: "a" },
  ],
  "no-lost-effect": [
    { type: "invoke", key: "lost", request: "r" },
    { type: "ok", key: "lost", request: "r", response: "a", effects: ["l1"] },
  ],
  "order-per-key": [2, 1].flatMap((position) => [
    { type: "invoke", key: `placed-${position}` },
    { type: "effect", key: `placed-${position}`, effect: `p${position}`, group: "account", position },
  ]),
};

/** A history without an anomaly: each operation is repeated now and then, declined, or in doubt. */
function* soundLines(operations: number): Generator<object> {
  for (let number = 0; number < operations; number += 1) {
    const [key, request, response] = [`k${number}`, `request-${number % 97}`, `response-${number}`];
    yield { type: "invoke", key, request };
    if (number % 10 === 7) yield { type: "fail", key };
    else if (number % 10 === 8) yield { type: "info", key };
    else {
      const effect = `e${number}`;
      yield { type: "effect", key, effect, group: `g${number % 1000}`, position: number };
      yield { type: "ok", key, request, response, effects: [effect] };
      if (number % 5 === 0) {
        yield { type: "invoke", key, request };
        yield { type: "ok", key, request, response, effects: [effect] };
      }
    }
  }
}

/** A history of so many operations, as bytes, with the anomalies somewhere in it. */
export function historyOf(operations: number, broken: readonly HistoryRule[] = []): Readable {
  return Readable.from(
    (function* chunks() {
      let text = "";
      let number = 0;
      for (const line of soundLines(operations)) {
        number += 1;
        text += `${JSON.stringify(line)}\n`;
        if (number === operations)
          for (const one of broken.flatMap((rule) => brokenHistories[rule])) text += `${JSON.stringify(one)}\n`;
        if (text.length < 1 << 18) continue;
        yield Buffer.from(text);
        text = "";
      }
      yield Buffer.from(text);
    })(),
  );
}
