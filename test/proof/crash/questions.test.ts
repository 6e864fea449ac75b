import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeStore } from "../../kits/describe-stores.ts";
import { startDatabasePlace } from "./database-place.ts";
import type { OpenKeys } from "./engine.ts";
import { storesOf } from "../../kits/store-kit.ts";
import { testedStores } from "../../kits/stores/index.ts";
import { engineOf } from "./engine-of.ts";

const retentionMs = 60_000;
const result = new Uint8Array([1]);

const operations = {
  async hold({ store }: OpenKeys, key: string, onClaimed: () => void) {
    const owner = { scope: "orders", key, owner: "owner" };
    await store.claim({ ...owner, fingerprint: "f", leaseMs: 10_000, retentionMs });
    onClaimed();
    await store.complete({ ...owner, result, retentionMs });
  },
  async transactional({ effects }: OpenKeys, key: string, onClaimed: () => void) {
    await effects!.store.transact({ scope: "orders", key, fingerprint: "f", retentionMs }, async () => {
      onClaimed();
      return { keep: "commit", result, value: undefined };
    });
  },
};

describe.for(storesOf("questions", testedStores))(
  "the texts by which a crash run knows what is asked of a store",
  (tested) => {
    describeStore(tested, () => {
      test("a claim and a completion have them, in each mode", async () => {
        const engine = await engineOf(tested.kit.name);
        await using folder = await mkdtempDisposable(join(tmpdir(), "once-again-"));
        for (const mode of engine.modes) {
          await using stack = new AsyncDisposableStack();
          const { url, database } = await startDatabasePlace({ engine, mode }, folder.path, stack);
          const keys = await engine.open(url);
          stack.defer(() => keys.close());
          await keys.prepare();
          const { wire, claiming, completing } = database!;
          const asked: string[] = [];
          const onClaimed = () => void asked.push("claimed");
          // The first on a connection may ask in another way, but for no end before the claim: PostgreSQL prepares statements
          // in a transaction of their own, and Redis does not know its scripts yet.
          wire.onNextQuestion(completing, () => void asked.push("completion"));
          await operations[mode](keys, "first", onClaimed);
          expect(asked[0], mode).toBe("claimed");
          asked.length = 0;
          wire.onNextQuestion(claiming, () => {
            asked.push("claim");
            wire.onNextQuestion(completing, () => void asked.push("completion"));
          });
          await operations[mode](keys, "second", onClaimed);
          expect(asked, mode).toEqual(["claim", "claimed", "completion"]);
        }
      });
    });
  },
);
