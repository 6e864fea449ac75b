import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { breaches, type History, type OrderHistory } from "./check.ts";
import { answerText } from "./orders.ts";

// The checker has to be able to say no: each history here is a sound one that one thing was done to.

type Kind = "done" | "declined" | "held with its effect" | "held without effect" | "never arrived";
const kinds: readonly Kind[] = ["done", "declined", "held with its effect", "held without effect", "never arrived"];
const held = { status: 409, text: "outcome unknown" };

/** An order as it may end where nothing is broken, and its effects. */
function sound(kind: Kind, number: number): History {
  const order = `acme/order-${number}`;
  const effect = `effect-${number}`;
  const effects = [{ effect, order, life: "api-1.1" }];
  const done = { status: 201, text: answerText.done(effect, order) };
  const declined = { status: 402, text: answerText.declined(`number-${number}`, order) };
  const endings: Record<Kind, { history: Omit<OrderHistory, "order">; effects: History["effects"] }> = {
    done: { history: { end: "ok", answers: [done, done], last: done, record: "done" }, effects },
    declined: { history: { end: "fail", answers: [declined], last: declined, record: "done" }, effects: [] },
    "held with its effect": { history: { end: "info", answers: [], last: held, record: "held" }, effects },
    "held without effect": { history: { end: "info", answers: [], last: held, record: "held" }, effects: [] },
    "never arrived": { history: { end: "info", answers: [], last: undefined, record: "none" }, effects: [] },
  };
  const ending = endings[kind];
  return { orders: [{ order, ...ending.history }], effects: ending.effects };
}

function together(histories: readonly History[]): History {
  return { orders: histories.flatMap(({ orders }) => orders), effects: histories.flatMap(({ effects }) => effects) };
}

const numbered = (chosen: readonly Kind[]): History => together(chosen.map((kind, index) => sound(kind, index + 1)));
const soundOnes = fc.array(fc.constantFrom(...kinds), { maxLength: 12 });

/** The names that are broken when a sound order of a kind, among others, is changed. */
async function brokenBy(
  kind: Kind,
  change: (history: OrderHistory) => OrderHistory,
  others: readonly Kind[],
): Promise<Set<string>> {
  const { orders, effects } = numbered([kind, ...others]);
  const found = await breaches({ orders: orders.map((one, index) => (index === 0 ? change(one) : one)), effects });
  expect(new Set(found.map(({ order }) => order))).toEqual(new Set(found.length > 0 ? ["acme/order-1"] : []));
  return new Set(found.map(({ invariant }) => invariant));
}

test("a history in which nothing is broken is fine, however its orders ended", async () => {
  await fc.assert(
    fc.asyncProperty(soundOnes, async (chosen) => {
      expect(await breaches(numbered(chosen))).toEqual([]);
    }),
  );
});

test("a second effect is a duplicate, wherever it is in the ledger and however its order ended", async () => {
  await fc.assert(
    fc.asyncProperty(soundOnes, fc.constantFrom(...kinds), fc.nat(), async (chosen, kind, at) => {
      const { orders, effects } = numbered([kind, ...chosen]);
      const more = [1, 2].map((index) => ({ effect: `more ${index}`, order: "acme/order-1", life: "api-2.1" }));
      const place = at % (effects.length + 1);
      const found = await breaches({ orders, effects: effects.toSpliced(place, 0, ...more) });
      expect(found).toContainEqual(expect.objectContaining({ invariant: "one-effect", order: "acme/order-1" }));
    }),
  );
});

test("an acknowledged effect that is not in the ledger is lost", async () => {
  await fc.assert(
    fc.asyncProperty(soundOnes, async (chosen) => {
      const { orders, effects } = numbered(["done", ...chosen]);
      const found = await breaches({ orders, effects: effects.slice(1) });
      expect(new Set(found.map(({ invariant, order }) => `${invariant} ${order}`))).toEqual(
        new Set(["no-lost-effect acme/order-1"]),
      );
    }),
  );
});

test("a key that answers anything else than it did before is reported", async () => {
  await fc.assert(
    fc.asyncProperty(
      soundOnes,
      fc.constantFrom<Kind>("done", "declined"),
      fc.nat({ max: 1 }),
      async (others, kind, place) => {
        const other = { status: 201, text: answerText.done("effect-1 again", "acme/order-1") };
        const isFirst = place === 0 && kind === "done";
        const change = (one: OrderHistory): OrderHistory =>
          isFirst ? { ...one, answers: [other, ...one.answers] } : { ...one, last: other };
        expect(await brokenBy(kind, change, others)).toContain("same-answer");
      },
    ),
  );
});

test("an intent that never ended, a key that runs or is not answered: each hangs", async () => {
  const changes: ((one: OrderHistory) => OrderHistory)[] = [
    (one) => ({ ...one, end: "open" }),
    (one) => ({ ...one, record: "running" }),
    (one) => ({ ...one, last: undefined }),
  ];
  await fc.assert(
    fc.asyncProperty(
      soundOnes,
      fc.constantFrom(...kinds.slice(0, -1)),
      fc.constantFrom(...changes),
      async (others, kind, change) => {
        expect(await brokenBy(kind, change, others)).toContain("every-key-ends");
      },
    ),
  );
});

describe("one thing that is wrong with an order is called by its name", () => {
  const foreign = { status: 201, text: answerText.done("effect-1", "other/order-1") };
  const cases: [string, Kind, (one: OrderHistory) => OrderHistory, string][] = [
    [
      "ok without an answer that names its effect",
      "held without effect",
      (one) => ({ ...one, end: "ok" }),
      "no-lost-effect",
    ],
    ["failed with an effect", "held with its effect", (one) => ({ ...one, end: "fail" }), "no-lost-effect"],
    ["an effect and no record", "held with its effect", (one) => ({ ...one, record: "none" }), "no-lost-effect"],
    ["another order's answer", "done", (one) => ({ ...one, answers: [foreign], last: foreign }), "own-answer"],
    [
      "refused for its own key",
      "held without effect",
      (one) => ({ ...one, last: { status: 422, text: "" } }),
      "own-answer",
    ],
    ["answered, and held in the end", "done", (one) => ({ ...one, last: held, record: "held" }), "same-answer"],
    ["held, and listed as done", "held without effect", (one) => ({ ...one, record: "done" }), "every-key-ends"],
    [
      "turned away for good",
      "held without effect",
      (one) => ({ ...one, last: { status: 500, text: "" }, record: "done" }),
      "every-key-ends",
    ],
  ];
  test.for(cases)("%s", async ([, kind, change, invariant]) => {
    expect(await brokenBy(kind, change, ["done", "declined"])).toContain(invariant);
  });

  test("an effect without an order", async () => {
    const effects = [{ effect: "effect-9", order: "acme/order-9", life: "api-1.1" }];
    expect(await breaches({ orders: [], effects })).toMatchObject([
      { invariant: "no-lost-effect", order: "acme/order-9" },
    ]);
  });
});
