import type { MarkAnswer, MarkRequest, TransactionEnding } from "once-again/internal";
import { result } from "./requests.ts";
import { expectSame, expectThat } from "./rule.ts";
import type { TransactionRule, TransactionRuleContext } from "./transaction-case.ts";

const mark = { scope: "billing", key: "orders/0" };
const moved = { kind: "moved" };
const highest = Number.MAX_SAFE_INTEGER;

/** Moves a mark, and ends its transaction in the given way. */
async function move(
  { store }: TransactionRuleContext<unknown>,
  request: Partial<MarkRequest>,
  keep: TransactionEnding<MarkAnswer>["keep"] = "commit",
): Promise<MarkAnswer> {
  return store.transactUnkeyed(async (transaction) => {
    expectThat(store.moveMark !== undefined, "A store with marks moves them", undefined);
    const value = await store.moveMark(transaction, { ...mark, position: 0, ...request });
    return { keep, result, value };
  });
}

/** The behaviour of a store that has high-water marks. */
export const markRules: readonly TransactionRule[] = [
  {
    name: "a mark only goes up, over gaps of any size, and says where it is",
    async try(context) {
      expectSame(
        await move(context, { position: 0 }),
        moved,
        "A mark that is not there is moved to the first position",
      );
      expectSame(await move(context, { position: 7, storedAt: 1 }), moved, "A gap is no hindrance");
      for (const position of [7, 6, 0]) {
        const behind = await move(context, { position, storedAt: 2 });
        expectSame(
          behind,
          { kind: "behind", position: 7, storedAt: 1 },
          "A mark never goes back, nor stays and is moved",
        );
      }
      expectSame(await move(context, { position: highest }), moved, "Each whole number is a position");
      expectSame(
        await move(context, { position: highest }),
        { kind: "behind", position: highest },
        "And is stored exactly",
      );
    },
  },
  {
    name: "a mark moves with its transaction, or not at all",
    async try(context) {
      for (const keep of ["rollback", "answer-only"] as const) {
        expectSame(await move(context, { position: 5 }, keep), moved, "Within its transaction a mark moves");
      }
      expectSame(await move(context, { position: 3 }), moved, "What is not committed has moved nothing");
      expectSame(await move(context, { position: 5 }, "rollback"), moved, "Within its transaction a mark moves");
      expectSame(await move(context, { position: 4 }), moved, "A mark that was there is moved back by a rollback");
    },
  },
  {
    name: "marks differ by every character of scope and key",
    async try(context) {
      const keys = ["0", "00", "0 ", "a", "A", "ä", "a\u0308", "a'b", "a\\b", "a%", "\u0000", "k".repeat(238)];
      for (const key of keys) {
        expectSame(await move(context, { key, position: 1 }), moved, `The mark ${JSON.stringify(key)} is no other's`);
      }
      expectSame(
        await move(context, { scope: "Billing", key: "0", position: 1 }),
        moved,
        "Scopes have their own marks",
      );
    },
  },
  {
    name: "of movers at a time each position has one",
    async try(context) {
      const counts = new Map<number, number>();
      const race = async (position: number): Promise<void> => {
        for (;;) {
          const { kind } = await move(context, { position });
          if (kind === "moved") counts.set(position, (counts.get(position) ?? 0) + 1);
          if (kind !== "locked") return;
        }
      };
      for (let position = 1; position <= 5; position += 1) {
        await Promise.all(Array.from({ length: 6 }, () => race(position)));
      }
      const expected = Object.fromEntries([1, 2, 3, 4, 5].map((position) => [position, 1]));
      expectSame(Object.fromEntries(counts), expected, "One mover has each position");
    },
  },
];
