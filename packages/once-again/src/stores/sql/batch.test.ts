import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../../testing/src/fake-clock.ts";
import type { RecordName } from "../store.ts";
import { batchRequests } from "./batch.ts";

interface Request extends RecordName {
  bytes: number;
  group: string;
}

/** A database that answers each batch when the test says so: with the keys that it was asked for. */
function manual() {
  const clock = fakeClock();
  const batches: { keys: string[]; settle: PromiseWithResolvers<string[]> }[] = [];
  const ask = batchRequests<Request, string>({
    clock,
    execute(requests) {
      const settle = Promise.withResolvers<string[]>();
      batches.push({ keys: requests.map(({ key }) => key), settle });
      return settle.promise;
    },
    isRefusal: (error) => error === refusal,
    bytesOf: ({ bytes }) => bytes,
    groupOf: ({ group }) => group,
  });
  return {
    clock,
    batches,
    ask: (key: string, bytes = 0, group = ""): Promise<string> => ask({ scope: "s", key, bytes, group }),
    sent: () => batches.map(({ keys }) => keys),
    async end(batch: number, error?: Error) {
      const { keys, settle } = batches[batch]!;
      if (error === undefined) settle.resolve(keys.map((key) => `answer to ${key}`));
      else settle.reject(error);
      await clock.advance(0);
    },
  };
}

const refusal = new Error("refused");
const lost = new Error("lost");

describe("requests in batches", () => {
  test("a lone one goes at once; what comes meanwhile goes together, in the order of names", async () => {
    const { ask, sent, end } = manual();
    const answers = ["d", "c", "a", "b"].map((key) => ask(key));
    expect(sent()).toEqual([["d"]]);
    await end(0);
    expect(sent()).toEqual([["d"], ["a", "b", "c"]]);
    await end(1);
    expect(await Promise.all(answers)).toEqual(["answer to d", "answer to c", "answer to a", "answer to b"]);
  });

  test("of those of one record, each goes in a separate batch, in their order", async () => {
    const { ask, sent, end } = manual();
    const answers = Promise.all(["x", "a", "b", "a", "a"].map((key) => ask(key)));
    for (let batch = 0; batch < 4; batch += 1) await end(batch);
    expect(sent()).toEqual([["x"], ["a", "b"], ["a"], ["a"]]);
    expect(await answers).toHaveLength(5);
  });

  test("those of one group go together, and of one record in their order", async () => {
    const { ask, sent, end } = manual();
    const groups = ["x1", "a1", "b2", "c1", "b1", "d2"];
    const answers = Promise.all(groups.map(([key = "", group]) => ask(key, 0, group)));
    for (let batch = 0; batch < 4; batch += 1) await end(batch);
    expect(sent()).toEqual([["x"], ["a", "c"], ["b", "d"], ["b"]]);
    expect(await answers).toHaveLength(6);
  });

  test("one that makes the database refuse its batch fails alone", async () => {
    const { ask, sent, end } = manual();
    const settled = Promise.allSettled(["x", "bad", "good"].map((key) => ask(key)));
    await end(0);
    await end(1, refusal);
    expect(sent().slice(1)).toEqual([["bad", "good"], ["bad"], ["good"]]);
    await end(2, refusal);
    await end(3);
    expect((await settled).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(sent()).toHaveLength(4);
  });

  test("those that wait alone after a refusal keep no batch waiting", async () => {
    const { ask, sent, end } = manual();
    const settled = Promise.all(["x", "locked", "free"].map((key) => ask(key)));
    await end(0);
    const next = ask("next");
    await end(1, refusal);
    expect(sent().at(-1)).toEqual(["next"]);
    await end(4);
    expect(await next).toBe("answer to next");
    for (const single of [2, 3]) await end(single);
    await settled;
  });

  test("a batch with an unknown outcome fails for all of its requests, and is not asked for again", async () => {
    const { ask, sent, end } = manual();
    const settled = Promise.allSettled(["x", "a", "b"].map((key) => ask(key)));
    await end(0);
    await end(1, lost);
    expect((await settled).slice(1)).toEqual([1, 2].map(() => ({ status: "rejected", reason: lost })));
    expect(sent()).toHaveLength(2);
  });

  test("one that takes long keeps the next one waiting for 20 ms, and no longer", async () => {
    const { ask, sent, end, clock } = manual();
    const silent = ask("silent");
    const answers = ["a", "b"].map((key) => ask(key));
    await clock.advance(19);
    expect(sent()).toEqual([["silent"]]);
    await clock.advance(1);
    expect(sent()).toEqual([["silent"], ["a", "b"]]);
    // The silent one ends no other's turn when it speaks after all.
    const last = ask("last");
    await end(0);
    expect(sent()).toHaveLength(2);
    await end(1);
    expect(sent()[2]).toEqual(["last"]);
    await end(2);
    expect(await Promise.all([silent, ...answers, last])).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });

  test("a batch is bounded in requests, and in bytes beside their names; a larger one goes alone", async () => {
    const mebibyte = 2 ** 20;
    const { ask, sent, end } = manual();
    const many = Promise.all(
      ["x", ...Array.from({ length: 150 }, (_, index) => `key ${index}`)].map((key) => ask(key)),
    );
    for (const batch of [0, 1, 2]) await end(batch);
    expect(sent().map((keys) => keys.length)).toEqual([1, 100, 50]);
    await many;
    const large = Promise.all([ask("x"), ask("a", mebibyte - 1), ask("b", 2), ask("c", 1), ask("d", 2 * mebibyte)]);
    for (const batch of [3, 4, 5, 6]) await end(batch);
    expect(sent().slice(3)).toEqual([["x"], ["a", "c"], ["b"], ["d"]]);
    await large;
  });
});
