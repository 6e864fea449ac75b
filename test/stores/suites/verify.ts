/* oxlint-disable vitest/valid-title, vitest/require-top-level-describe, vitest/valid-describe-callback -- A suite for test files. */
import { describe, expect, onTestFinished, test } from "vitest";
import { sealedStore } from "../../../packages/once-again/src/stores/index.ts";
import { withNode } from "../../frameworks/with-node.ts";
import { describeStores } from "../../kits/describe-stores.ts";
import { type TestedStore, verdictOf } from "../../kits/store-kit.ts";
import { casesOf, type OrdersGround, ordersInMemory, unaskedOf, verified } from "../../verify/orders.ts";

type Open = () => Promise<OrdersGround>;

const sealKeys = [{ id: "2026", secret: new Uint8Array(32) }];

/** @param title of the tests of one ground, which needs a new one for each. */
function isConformant(title: string, open: Open): void {
  test(`${title}: no case fails or warns, by the draft`, async () => {
    const report = await verified(withNode, await open(), { workMs: 1 });
    expect({ wrong: casesOf(report, "fail", "warn"), unasked: unaskedOf(report) }).toEqual({ wrong: [], unasked: [] });
  });

  test(`${title}: nor with work that outlasts its callers`, async () => {
    const report = await verified(withNode, await open(), { workMs: 50, only: ["D"] });
    expect(casesOf(report, "fail", "warn", "not-applicable")).toEqual([]);
  });
}

/** Every store, in every mode that it has and through every client, served by node:http. The frameworks have another test. */
export async function describeVerify(stores: readonly TestedStore[]): Promise<void> {
  await describeStores("verify", stores, ({ tested, parts, place }) => {
    const { clients, ownDatabase } = parts;
    let grounds = 0;
    describe.for(Object.entries(clients))("through %s", ([client, openRecords]) => {
      const open = async () => {
        const store = await openRecords(place(), `verify_${(grounds += 1)}`, { connectionsMax: 10 });
        onTestFinished(async () => store.close());
        return store;
      };
      isConformant("leased", async () => ({ rules: { store: await open() }, ...ordersInMemory() }));
      isConformant("sealed", async () => ({
        rules: { store: sealedStore(await open(), sealKeys) },
        ...ordersInMemory(),
      }));
      if (verdictOf("verify-transactional", tested) !== "runs") return;
      isConformant("transactional", async () => {
        const own = await ownDatabase!(place(), client);
        onTestFinished(async () => {
          await own.store.close();
          await own[Symbol.asyncDispose]();
        });
        return {
          rules: { store: own.store, mode: "transactional" },
          insert: ({ execution }) =>
            Promise.resolve(own.execute(execution.transaction as never, "INSERT INTO effects VALUES ('tea')")),
          count: async () => (await own.effects()).length,
        };
      });
    });
  });
}
