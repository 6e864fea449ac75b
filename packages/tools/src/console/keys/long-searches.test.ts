import { expect, test } from "vitest";
import { longSearches } from "./long-searches.ts";

const page = { records: [] };
const question = { state: "running" };

test("a page that is found at once is the answer", async () => {
  expect(await longSearches().ask(question, async () => page)).toBe(page);
});

test("a search goes on where its question ended, and answers the next one", async () => {
  const searches = longSearches();
  const search = Promise.withResolvers<typeof page>();
  let begun = 0;
  const ask = () =>
    searches.ask(question, () => {
      begun += 1;
      return search.promise;
    });
  expect(await Promise.all([ask(), ask()])).toEqual([undefined, undefined]);
  search.resolve(page);
  expect(await ask()).toBe(page);
  expect(begun).toBe(1);
  // It was given: who asks now wants to see the store as it is now.
  await ask();
  expect(begun).toBe(2);
});

test("a search that failed while its question was away fails the next one, once", async () => {
  const searches = longSearches();
  const search = Promise.withResolvers<typeof page>();
  expect(await searches.ask(question, () => search.promise)).toBeUndefined();
  search.reject(new Error("the store has gone"));
  await expect(searches.ask(question, async () => page)).rejects.toThrow("the store has gone");
  expect(await searches.ask(question, async () => page)).toBe(page);
});

test("four searches run at a time, and a fifth begins when one has ended", async () => {
  const searches = longSearches();
  const running = Array.from({ length: 4 }, () => Promise.withResolvers<typeof page>());
  await Promise.all(running.map((search, at) => searches.ask({ at }, () => search.promise)));
  let begun = 0;
  const fifth = () =>
    searches.ask({ at: 4 }, async () => {
      begun += 1;
      return page;
    });
  expect(await fifth()).toBeUndefined();
  expect(begun).toBe(0);
  running[0]!.resolve(page);
  expect(await searches.ask({ at: 0 }, async () => page)).toBe(page);
  expect(await fifth()).toBe(page);
});

test("searches that have ended keep no other waiting, although their page was not asked for again", async () => {
  const searches = longSearches();
  const ended = Array.from({ length: 4 }, () => Promise.withResolvers<typeof page>());
  await Promise.all(ended.map((search, at) => searches.ask({ at }, () => search.promise)));
  for (const search of ended) search.resolve(page);
  await Promise.all(ended.map(({ promise }) => promise));
  expect(await searches.ask({ at: 4 }, async () => page)).toBe(page);
});
