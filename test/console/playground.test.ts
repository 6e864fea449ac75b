import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runCheckout } from "../../packages/tools/page/src/playground/checkout/checkout-run.ts";
import {
  type CheckoutSettings,
  customers,
  pageKinds,
} from "../../packages/tools/page/src/playground/checkout/checkout-settings.ts";
import { losses } from "../../packages/tools/src/lab/checkout/pay-events.ts";
import { verdictOf as checkoutVerdictOf } from "../../packages/tools/page/src/lab/checkout/pay-words.ts";
import { runCrash } from "../../packages/tools/page/src/playground/crash/crash-run.ts";
import {
  type CallerKind,
  callerKinds,
  crashKinds,
  type CrashSettings,
  steps,
} from "../../packages/tools/page/src/playground/crash/crash-settings.ts";
import { verdictOf } from "../../packages/tools/page/src/playground/crash/crash-words.ts";
import { pageConsole } from "../../packages/tools/page/src/playground/page-console.ts";
import { effectPlaces } from "../../packages/tools/page/src/playground/page-api.ts";
import { startPageRun } from "../../packages/tools/page/src/playground/page-run.ts";
import { labRoutes } from "../../packages/tools/src/console/lab/lab-routes.ts";
import { LiveLab } from "../../packages/tools/src/lab/live/live-lab.ts";
import type { LiveSettings, LiveUpdate } from "../../packages/tools/src/lab/live/live-protocol.ts";
import { liveDefaults } from "../../packages/tools/src/lab/live/live-settings.ts";

// The playground's worlds: the library's engine, its memory store and its client, as the page runs them.

const places = [1, 2, 3, 4, 5] as const;
const settingsOf = (part: Partial<CrashSettings>): CrashSettings => ({
  at: 5,
  crash: "server",
  effect: "row",
  seed: 1,
  ...part,
});
const verdict = async (caller: CallerKind, part: Partial<CrashSettings>) =>
  verdictOf(await runCrash(caller, settingsOf(part))).text;
const verdictsAt = (caller: CallerKind, part: Partial<CrashSettings>) =>
  Promise.all(places.map((at) => verdict(caller, { ...part, at })));

describe("a crash", () => {
  const everywhere = effectPlaces.flatMap((effect) =>
    crashKinds.flatMap((crash) => places.map((at) => ({ effect, crash, at }))),
  );

  test.each(everywhere)("with once-again charges at most once: %o", async (part) => {
    const { charges, belief, key } = await runCrash("once-again", settingsOf(part));
    // The one case that a server can't decide: it died after its claim, and the provider knows no keys.
    const isHeld = part.effect === "provider" && part.crash === "server" && (part.at === 3 || part.at === 4);
    expect({ charges, belief, key }).toEqual(
      isHeld
        ? { charges: part.at === 4 ? 1 : 0, belief: "unknown", key: "abandoned" }
        : { charges: 1, belief: "confirmed", key: "done" },
    );
  });

  const once = "✓ charged once";
  const twice = "✗ charged 2 times";
  const lost = "✗ lost, never charged";
  const failed = "✗ charged, reported as failed";

  test("of the server makes a blind retry charge twice, once the charge is there", async () => {
    expect(await verdictsAt("sends-again", { effect: "row" })).toEqual([once, once, once, once, twice]);
    expect(await verdictsAt("sends-again", { effect: "provider" })).toEqual([once, once, once, twice, twice]);
    expect(await verdictsAt("sends-again", { effect: "keyed-provider" })).toEqual([once, once, once, twice, twice]);
  });

  test("of the connection makes a blind retry charge twice, unless the request itself got lost", async () => {
    expect(await verdictsAt("sends-again", { crash: "connection" })).toEqual([once, twice, twice, twice, twice]);
  });

  test("loses the order of a caller that gives up, or leaves it charged and reported as failed", async () => {
    expect(await verdictsAt("gives-up", { effect: "row" })).toEqual([lost, lost, lost, lost, failed]);
    expect(await verdictsAt("gives-up", { crash: "connection" })).toEqual([lost, failed, failed, failed, failed]);
  });

  test("rolls back what was written, and the next attempt writes it again", async () => {
    const { events } = await runCrash("once-again", settingsOf({ at: steps.indexOf("stored") }));
    const story = events.map(({ what }) => what);
    expect(story.slice(0, 5)).toEqual(["sent", "claimed", "charged", "died", "rolled-back"]);
    expect(story.slice(-4)).toEqual(["claimed", "charged", "stored", "response"]);
  });

  test("lets the handler run again where the provider honours keys, and it charges nothing", async () => {
    const { events } = await runCrash("once-again", settingsOf({ at: 4, effect: "keyed-provider" }));
    const story = events.map(({ what }) => what);
    expect(story.filter((what) => what === "charged")).toHaveLength(1);
    expect(story.slice(-3)).toEqual(["known", "stored", "response"]);
  });

  test("has the same times for the same seed, and others for another", async () => {
    const run = (seed: number) => runCrash("once-again", settingsOf({ seed }));
    const first = await run(7);
    expect(await run(7)).toEqual(first);
    expect((await run(8)).events).not.toEqual(first.events);
    expect(await Promise.all(callerKinds.map((caller) => runCrash(caller, settingsOf({}))))).toHaveLength(3);
  });
});

describe("a checkout", () => {
  let indexedDB: InstanceType<typeof IDBFactory>;
  beforeEach(() => {
    indexedDB = new IDBFactory();
    vi.stubGlobal("indexedDB", indexedDB);
    vi.stubGlobal("IDBKeyRange", IDBKeyRange);
  });
  afterEach(() => vi.unstubAllGlobals());

  const seeds = [1, 2, 3, 4, 5];
  const everyWay = losses.flatMap((lost) =>
    customers.flatMap((customer) => seeds.map((seed): CheckoutSettings => ({ customer, lost, seed }))),
  );
  const storyOf = async (settings: Partial<CheckoutSettings>) => {
    const { events } = await runCheckout("safe", { customer: "reload", lost: "answer", seed: 1, ...settings });
    return events.map(({ what, tab }) => `${tab ?? "shop"}: ${what}`);
  };

  test.each(everyWay)("is paid once with intents, and every tab says so: %o", async (settings) => {
    const result = await runCheckout("safe", settings);
    expect(result.ledger).toEqual([{ caller: "safe", orderId: "order-7", amount: 500, currency: "EUR" }]);
    expect(new Set(result.buttons)).toEqual(new Set(["paid"]));
    expect(checkoutVerdictOf(result)).toMatchObject({ text: "✓ charged once", tone: "good" });
    expect(await indexedDB.databases()).toEqual([]);
  });

  test.each(everyWay)("is paid twice on the careless page, if the answer is lost: %o", async (settings) => {
    const result = await runCheckout("careless", settings);
    const isTwice = settings.lost === "answer";
    expect(result.ledger).toHaveLength(isTwice ? 2 : 1);
    expect(result.buttons.at(-1)).toBe("paid");
    expect(checkoutVerdictOf(result)).toMatchObject(
      isTwice ? { text: "✗ charged 2 times", tone: "bad" } : { text: "✓ charged once" },
    );
  });

  test("goes on after a reload, without a press, and gets the stored answer", async () => {
    const after = ["1: resumed", "1: sent-again", "1: replayed"];
    const before = ["1: pressed", "1: sent", "shop: charged", "shop: lost-answer"];
    expect(await storyOf({ customer: "reload" })).toEqual([...before, "1: reloaded", ...after]);
    expect(await storyOf({ customer: "close-tab" })).toEqual([...before, "1: closed", "1: opened", ...after]);
  });

  test("is joined by a second tab, which sends nothing", async () => {
    const story = await storyOf({ customer: "second-tab" });
    expect(story).toContain("2: joined");
    expect(story.filter((line) => line.startsWith("2: "))).toEqual(["2: changed-tab", "2: pressed-again", "2: joined"]);
  });

  test("has the same times for the same seed, and others for another", async () => {
    for (const page of pageKinds) {
      const run = (seed: number) => runCheckout(page, { customer: "close-tab", lost: "answer", seed });
      const [first, again, other] = await Promise.all([run(7), run(7), run(8)]);
      expect(again).toEqual(first);
      expect(other.events).not.toEqual(first.events);
    }
  });

  test("goes on when the lease of the old page is over, where there are no Web Locks", async () => {
    vi.stubGlobal("navigator", {});
    const { events, ledger } = await runCheckout("safe", { customer: "reload", lost: "answer", seed: 1 });
    const [first, second] = events.filter(({ what }) => what.startsWith("sent"));
    expect(second!.atMs - first!.atMs).toBe(30_000);
    expect(ledger).toHaveLength(1);
  });

  test("says why, where the browser stores nothing", async () => {
    vi.stubGlobal("indexedDB", undefined);
    await expect(runCheckout("safe", { customer: "reload", lost: "answer", seed: 1 })).rejects.toMatchObject({
      code: "ONCE_STORE_UNAVAILABLE",
      message: expect.stringContaining("IndexedDB"),
    });
  });
});

describe("the lab in a page", () => {
  const order = { id: "a", customer: "ada", currency: "EUR", lines: [{ sku: "cup", qty: 1, unitPrice: 100 }] };

  /** Runs a lab to its end, through the routes that the page asks. `onUpdate` sees each state. */
  async function finish(settings: Partial<LiveSettings>, onUpdate?: (lab: LiveLab, update: LiveUpdate) => void) {
    const lab = new LiveLab([order], { ...liveDefaults, speed: "full", ...settings }, startPageRun);
    await using _ = lab.stage;
    const ended = Promise.withResolvers<LiveUpdate["state"]>();
    lab.stage.watch((update) => {
      onUpdate?.(lab, update);
      if (update.state.phase === "finished") ended.resolve(update.state);
      if (update.state.phase === "failed") ended.reject(new Error(update.state.problem));
    });
    const ask = pageConsole([{ name: "lab", routes: labRoutes(lab), close: async () => undefined }], ["lab"]);
    await ask("lab/start", { method: "POST", body: "{}" });
    const { callers } = await ended.promise;
    const rows = (await (await ask("lab/orders?show=charged-twice", {})).json()) as { total: number };
    return { careless: callers.careless.totals, safe: callers.safe.totals, rows };
  }

  test("charges the careless caller twice for a lost answer, and the safe one once", async () => {
    const { careless, safe, rows } = await finish({ mode: "story" });
    expect(careless).toMatchObject({ charges: 2, duplicates: 1, confirmed: 1 });
    expect(safe).toMatchObject({ charges: 1, duplicates: 0, confirmed: 1, replayed: 1 });
    expect(rows.total).toBe(1);
  });

  test("meets the same faults with the same seed, and the safe caller loses nothing", async () => {
    const settings = { mode: "crowd", orders: 100, seed: 3 } as const;
    const one = await finish(settings);
    const other = await finish(settings);
    expect(one.careless.duplicates).toBeGreaterThan(0);
    expect(one.careless).toEqual(other.careless);
    expect(one.safe).toMatchObject({ charges: 100, duplicates: 0, lost: 0, inDoubt: 0, confirmed: 100 });
  });

  test("goes on when its API is killed in the middle", async () => {
    let kills = 0;
    const { safe } = await finish({ mode: "crowd", orders: 60, speed: "fast" }, (lab, { state }) => {
      if (state.callers.safe.totals.settled < 5 || kills > 0) return;
      kills += 1;
      void lab.kill("api");
    });
    expect(kills).toBe(1);
    expect(safe).toMatchObject({ charges: 60, duplicates: 0, lost: 0, inDoubt: 0 });
  });

  test("a path that there is not, and a setting that is wrong, are refused as in the console", async () => {
    const lab = new LiveLab([order], liveDefaults, startPageRun);
    await using _ = lab.stage;
    const ask = pageConsole([{ name: "lab", routes: labRoutes(lab), close: async () => undefined }], ["lab"]);
    expect((await ask("keys/list", {})).status).toBe(404);
    const refused = await ask("lab/settings", { method: "POST", body: '{"orders":0}' });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ problem: expect.stringContaining("orders") });
  });
});
