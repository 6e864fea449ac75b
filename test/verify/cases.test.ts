import { expect, test } from "vitest";
import { conformanceCases } from "../../packages/tools/src/verify/index.ts";
import type { Break } from "./breaks.ts";
import { ModelServer } from "./model-server.ts";
import { summarize, verifyModel } from "./verify-model.ts";
import { violations } from "./violations.ts";

/** Verifies a server that is a change to the model, by the draft unless a rule is one of practice. */
function verified(id: string | undefined, change: Break) {
  const model = new ModelServer();
  Object.assign(model, change(model));
  return verifyModel(model, {
    strictness: id === "K02" ? "practice" : "draft",
    ...(id !== undefined && { only: [id] }),
  });
}

test("a server that keeps every rule passes every case", async () => {
  const report = await verified(undefined, () => ({}));
  expect(summarize(report).filter(({ kind }) => kind !== "pass")).toEqual([]);
  expect(report.cases).toHaveLength(conformanceCases.length);
});

test("each case has a server that breaks its rule", () => {
  expect(Object.keys(violations)).toEqual(conformanceCases.map(({ id }) => id));
});

test.concurrent.for<[id: string, change: Break]>(Object.entries(violations))(
  "%s fails at a server that breaks its rule",
  async ([id, change]) => {
    expect(summarize(await verified(id, change))).toEqual([{ id, kind: "fail", observed: expect.any(String) }]);
  },
);

test.concurrent.for([36, 64, 128, 191, 255])("a key that is cut at %i characters is found", async (length) => {
  const [report] = summarize(await verified("K08", () => ({ key: ([value]) => value?.slice(0, length) })));
  expect(report).toMatchObject({ id: "K08", kind: "fail" });
});
