import { describe, expect, test } from "vitest";
import { conformanceCases, verifyProfiles } from "../../packages/tools/src/verify/index.ts";

describe.for(Object.entries(verifyProfiles))("%s", ([, { sentences, cases }]) => {
  const known = new Set([...conformanceCases, ...cases].map(({ id }) => id));

  test("each sentence has cases, or says why none can test it", () => {
    const bare = sentences.filter(({ cases: ids, untested }) => (ids.length === 0) !== (untested !== undefined));
    expect(bare).toEqual([]);
    expect(sentences.flatMap((sentence) => sentence.cases).filter((id) => !known.has(id))).toEqual([]);
  });

  test("each case of a profile belongs to a sentence", () => {
    const named = new Set(sentences.flatMap((sentence) => sentence.cases));
    expect(cases.filter(({ id }) => !named.has(id))).toEqual([]);
  });
});
