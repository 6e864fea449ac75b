import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { storeFromUrl } from "../../packages/once-again/src/command/store-from-url.ts";
import { consoleServer, type ConsoleServer } from "../../packages/tools/src/console/console-server.ts";
import { keysSection } from "../../packages/tools/src/console/keys/keys-section.ts";
import { decodeResponse, encodeResponse } from "../../packages/once-again/src/http/response.ts";
import { sealedStore } from "../../packages/once-again/src/stores/sealed-store.ts";
import { postgresStore } from "../../packages/once-again/src/stores/postgres/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { encodeDetails } from "../../packages/once-again/src/core/operation-details.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { sealKey } from "../support/keys-fixture.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { consoleBrowser, type ConsoleBrowser, type Tab } from "../support/console-browser.ts";
import { axeFindings } from "../support/axe.ts";
import pg from "pg";

const hourMs = 3_600_000;
const answer = encodeResponse({
  status: 201,
  headers: [["content-type", "application/json"]],
  body: new TextEncoder().encode('{"order":7}'),
});

const named = (key: string, scope = "acme") => ({ scope, key, owner: "worker" });
const claim = (store: Store, key: string, scope?: string) =>
  store.claim({ ...named(key, scope), fingerprint: "f".repeat(64), leaseMs: hourMs, retentionMs: hourMs });
const hold = async (store: Store, key: string, scope?: string) => {
  await claim(store, key, scope);
  await store.renew({ ...named(key, scope), leaseMs: 0 });
};
const finish = async (store: Store, key: string, result = answer) => {
  await claim(store, key);
  await store.complete({ ...named(key), result, retentionMs: hourMs });
};

describeWithServer("the Keys page, in Chromium", chromiumBinary, () => {
  let browser: ConsoleBrowser;
  let path: string;
  let store: Store;
  let server: ConsoleServer;
  beforeAll(async () => void (browser = await consoleBrowser()));
  afterAll(() => browser[Symbol.asyncDispose]());
  beforeEach(async () => {
    path = join(temporaryFolder(), "keys.db");
    store = sqliteStore({ path });
    onTestFinished(() => store.close());
    server = await consoleServer({ sections: [keysSection({ store: () => store })], page: browser.page });
    onTestFinished(() => server.close());
  });

  const open = async (url = server.url, view: Parameters<ConsoleBrowser["open"]>[1] = {}): Promise<Tab> => {
    const tab = await browser.open(url, view);
    onTestFinished(() => tab.page.close());
    return tab;
  };
  const choose = (page: Page, key: string) => page.getByRole("button", { name: key, exact: true }).click();
  const shows = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();
  const rows = (page: Page) => page.locator("tbody tr");
  const showAll = (page: Page) => page.getByLabel("State").selectOption("all states");
  const sign = async (page: Page): Promise<void> => {
    await page.getByLabel("Your name").fill("alice");
    await page.getByLabel("Reason").fill("the bank has it");
  };

  test("an empty store says so", async () => {
    const { page, complaints } = await open();
    await shows(page, "No key is held.");
    await showAll(page);
    await shows(page, "No keys yet.");
    await shows(page, "✓ responds");
    expect(complaints).toEqual([]);
  });

  test("text of callers is shown with its invisible characters, and copied as it is", async () => {
    const backwards = "order 4712, \u202e00.0009\u202c EUR";
    const details = encodeDetails({ label: backwards });
    await store.claim({
      ...named("order-\u200b7"),
      fingerprint: "f".repeat(64),
      leaseMs: 1,
      retentionMs: hourMs,
      details,
    });
    await store.renew({ ...named("order-\u200b7"), leaseMs: 0 });
    const { page, complaints } = await open();
    await shows(page, "order 4712, \\u{202e}00.0009\\u{202c} EUR");
    await page.getByLabel("Label").fill("4713");
    await page.getByRole("button", { name: "Find" }).click();
    await shows(page, "No key has that in its label.");
    await page.getByLabel("Label").fill("ORDER 4712");
    await page.getByRole("button", { name: "Find" }).click();
    await choose(page, "order-\\u{200b}7");
    await page.getByRole("heading", { name: "order-\\u{200b}7" }).waitFor();
    expect(await page.locator("body").textContent()).not.toMatch(/[\u202e\u200b]/);
    expect(complaints).toEqual([]);
  });

  test("a store that looks at every key says so, and its page comes when it is found", async () => {
    await finish(store, "order-7");
    const found = Promise.withResolvers<void>();
    const slow: Store = {
      ...store,
      async list(request) {
        // Health is sampled by state.
        if (request.state === undefined) await found.promise;
        return store.list(request);
      },
    };
    const slowServer = await consoleServer({ sections: [keysSection({ store: () => slow })], page: browser.page });
    onTestFinished(() => slowServer.close());
    const { page, complaints } = await open(slowServer.url);
    await shows(page, "No key is held.");
    await showAll(page);
    await shows(page, "The store has no index for this, and looks at each key…");
    found.resolve();
    await shows(page, "order-7");
    await page.getByText("looks at each key").waitFor({ state: "detached" });
    expect(complaints).toEqual([]);
  });

  test("keys are listed by state, scope and name, and a new one appears by itself", async () => {
    await claim(store, "order-1");
    await hold(store, "order-2", "globex");
    await finish(store, "order-3");
    const { page, complaints } = await open();
    await showAll(page);
    await shows(page, "order-3");
    expect(await rows(page).allInnerTexts()).toEqual([
      expect.stringMatching(/running\s+–\s+order-1\s+acme/),
      expect.stringMatching(/done\s+–\s+order-3\s+acme/),
      expect.stringMatching(/held\s+–\s+order-2\s+globex/),
    ]);
    await page.getByLabel("State").selectOption("held, oldest first");
    await page.getByText("order-3").waitFor({ state: "detached" });
    expect(await rows(page).count()).toBe(1);
    await page.getByLabel("State").selectOption("all states");
    await page.getByLabel("Scope").fill("glo");
    await page.getByText("order-1").waitFor({ state: "detached" });
    await claim(store, "order-4", "globex");
    await shows(page, "order-4");
    expect(complaints).toEqual([]);
  });

  test("a key is found by itself, in whatever scope and state, and shown with its stored answer", async () => {
    await finish(store, "order-3");
    await hold(store, "order-5");
    const { page, complaints } = await open();
    await page.getByLabel("Key", { exact: true }).fill("order-3");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("order-5").waitFor({ state: "detached" });
    await choose(page, "order-3");
    await shows(page, "Stored answer: HTTP 201");
    expect(await page.locator("pre").allInnerTexts()).toEqual([
      "content-type: application/json\n",
      '{\n  "order": 7\n}',
    ]);
    expect(complaints).toEqual([]);
  });

  test("a sealed answer is said to be sealed, and can't be given here", async () => {
    const sealed = sealedStore(store, [sealKey]);
    await finish(sealed, "order-3");
    await hold(sealed, "order-5");
    const { page } = await open();
    await showAll(page);
    await choose(page, "order-3");
    await shows(page, /Sealed with the key “k1”/);
    await choose(page, "order-5");
    await sign(page);
    await page.getByLabel("Body", { exact: true }).fill("{}");
    await page.getByRole("button", { name: "Resolve with this answer…" }).click();
    await page.getByRole("button", { name: "Resolve", exact: true }).click();
    await shows(page, 'Results in this store are sealed with the key "k1"');
    expect((await store.inspect(named("order-5")))?.state).toBe("abandoned");
  });

  test("a held key is resolved with an answer, after it was asked", async () => {
    await hold(store, "order-5");
    const { page, complaints } = await open();
    await choose(page, "order-5");
    await page.getByRole("button", { name: "Resolve with this answer…" }).click();
    await shows(page, "Say who settles it, and why.");
    await sign(page);
    await page.getByRole("button", { name: "Resolve with this answer…" }).click();
    await shows(page, "or say that the answer has none");
    await page.getByLabel("Body", { exact: true }).fill("{");
    await page.getByRole("button", { name: "Resolve with this answer…" }).click();
    await page.getByRole("button", { name: "Resolve", exact: true }).click();
    await shows(page, "The body is no JSON, as its content type application/json says it is.");
    await page.getByLabel("Status").fill("202");
    await page.getByLabel("Content type").fill("text/plain");
    await page.getByLabel("Body", { exact: true }).fill("found");
    await page.getByRole("button", { name: "Resolve with this answer…" }).click();
    await shows(page, "HTTP 202 with 5 characters");
    await page.getByRole("button", { name: "Cancel" }).click();
    expect((await store.inspect(named("order-5")))?.state).toBe("abandoned");
    await page.getByRole("button", { name: "Resolve with this answer…" }).click();
    await page.getByRole("button", { name: "Resolve", exact: true }).click();
    await shows(page, "Stored answer: HTTP 202");
    const { status, headers, body } = decodeResponse((await store.inspect(named("order-5")))!.record.result!);
    expect([status, headers, new TextDecoder().decode(body)]).toEqual([202, [["content-type", "text/plain"]], "found"]);
    await shows(page, "by alice: the bank has it");
    // A refusal is an error to the browser.
    expect(complaints).toEqual([expect.stringContaining("400")]);
  });

  test("a held key is released by the keyboard alone; Escape cancels", async () => {
    await hold(store, "order-5");
    const { page, complaints } = await open();
    await page.getByRole("button", { name: "order-5", exact: true }).focus();
    await page.keyboard.press("Enter");
    await shows(page, "It did not happen");
    await sign(page);
    await page.getByRole("button", { name: "Release the key…" }).focus();
    await page.keyboard.press("Enter");
    await shows(page, "If it did happen, it happens twice.");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect((await store.inspect(named("order-5")))?.state).toBe("abandoned");
    await page.getByRole("button", { name: "Release the key…" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await shows(page, "No key is held.");
    expect(await store.inspect(named("order-5"))).toBeUndefined();
    // Used again, it still says who released it, and why.
    await store.claim({ ...named("order-5"), owner: "later", fingerprint: "f", leaseMs: hourMs, retentionMs: hourMs });
    await showAll(page);
    await choose(page, "order-5");
    await expect
      .poll(() => page.locator("dl").last().innerText())
      .toMatch(/Released\s+20\S+ \S+ UTC by alice: the bank has it/);
    expect(complaints).toEqual([]);
  });

  test("the server itself refuses a settlement without a name or a reason, and an answer that can't be read", async () => {
    await hold(store, "order-5");
    const { origin } = new URL(server.url);
    const tell = (way: string, more: object) =>
      fetch(`${origin}/api/keys/${way}`, {
        method: "POST",
        headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
        body: JSON.stringify({ keys: [{ scope: "acme", key: "order-5", attempt: 1 }], ...more }),
      });
    const note = { author: "alice", reason: "the bank has it" };
    const answer = { status: 201, contentType: "application/json", body: "{}", isEmpty: false, retentionMs: hourMs };
    for (const [way, body] of [
      ["release", {}],
      ["release", { author: "alice" }],
      ["resolve", answer],
      ["resolve", { ...answer, ...note, body: "" }],
      ["resolve", { ...answer, ...note, body: "<html>" }],
      ["resolve", { ...answer, ...note, reason: "x".repeat(1001) }],
      ["release", { ...note, keys: [] }],
      ["release", { ...note, keys: "order-5" }],
      ["release", { ...note, keys: Array.from({ length: 1001 }, () => ({ scope: "a", key: "b", attempt: 1 })) }],
    ] as const) {
      expect((await tell(way, body)).status).toBe(400);
    }
    expect((await store.inspect(named("order-5")))?.state).toBe("abandoned");
    expect((await tell("resolve", { ...answer, ...note, body: "", isEmpty: true })).status).toBe(200);
  });

  test("a key that was taken over meanwhile is left alone", async () => {
    await hold(store, "order-5");
    const { page } = await open();
    await choose(page, "order-5");
    await shows(page, "It did not happen");
    await store.claim({
      ...named("order-5"),
      owner: "another",
      fingerprint: "f".repeat(64),
      leaseMs: hourMs,
      retentionMs: hourMs,
      takeOverAfterMs: 0,
    });
    await store.renew({ ...named("order-5"), owner: "another", leaseMs: 0 });
    await sign(page);
    await page.getByRole("button", { name: "Release the key…" }).click();
    await page.getByRole("button", { name: "Release", exact: true }).click();
    await shows(page, "It was taken over and is held again since you looked.");
    expect((await store.inspect(named("order-5")))?.record.attempt).toBe(2);
  });

  test("without the token keys are shown, with nothing to settle them by, and it is said what that takes", async () => {
    await hold(store, "order-5");
    const { page, complaints } = await open(new URL(server.url).origin);
    await choose(page, "order-5");
    await shows(page, "To settle it, open the address that the console printed");
    await shows(page, "Lease ends");
    for (const name of ["Release the key…", "Resolve with this answer…"]) {
      expect(await page.getByRole("button", { name }).count()).toBe(0);
    }
    expect(complaints).toEqual([]);
  });

  test("a hundred thousand keys are paged, and a thousand held ones are counted as more", async () => {
    await claim(store, "order-0");
    const database = new DatabaseSync(path);
    const columns = database.prepare("SELECT * FROM once_again_keys").get() as Record<string, unknown>;
    const names = Object.keys(columns);
    const copied = names.map((name) =>
      name === "key" ? "printf('many-%06d', n)" : name === "lease_until" ? "iif(n < 2000, 0, lease_until)" : name,
    );
    database.exec(`
      WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 100000)
      INSERT INTO once_again_keys (${names.join(", ")}) SELECT ${copied.join(", ")} FROM once_again_keys, counted
    `);
    database.close();
    const { page, complaints } = await open();
    await showAll(page);
    await shows(page, "many-000050");
    expect(await rows(page).count()).toBe(50);
    await page.getByRole("button", { name: "Next" }).click();
    await shows(page, "many-000100");
    expect(await rows(page).count()).toBe(50);
    await page.getByRole("button", { name: "Previous" }).click();
    await shows(page, "many-000050");
    await page.getByRole("button", { name: "Held 1,000+" }).waitFor();
    await page.getByRole("button", { name: "Held 1,000+" }).click();
    await page.getByRole("button", { name: "Mark all 50 held keys of this page" }).waitFor();
    await page.getByRole("button", { name: "Next" }).click();
    await shows(page, "Page 2");
    expect(await page.title()).toBe("(1000) held · once-again console");
    expect(complaints).toEqual([]);
  });

  test("held keys come first, the oldest on top, with their request, their reason, and when they are forgotten", async () => {
    const details = (label: string, reason?: "time-out") => encodeDetails({ label, route: "POST /orders", reason });
    await finish(store, "order-3");
    const claimed = { fingerprint: "f", leaseMs: hourMs, retentionMs: hourMs };
    await store.claim({ ...named("z"), ...claimed, details: details("order 4711, 25.00 EUR", "time-out") });
    await store.renew({ ...named("z"), leaseMs: 0 });
    await expect.poll(() => Date.now()).toBeGreaterThan((await store.inspect(named("z")))!.record.leaseUntil);
    await store.claim({ ...named("a"), ...claimed, heldRetentionMs: 5 * hourMs, details: details("order 4712") });
    await store.renew({ ...named("a"), leaseMs: 0 });
    const { page, complaints } = await open();
    await shows(page, "order 4712");
    expect(await rows(page).allInnerTexts()).toEqual([
      expect.stringMatching(/held time-out\s+order 4711, 25.00 EUR\s+z\s+acme.*never/s),
      expect.stringMatching(/held crash\s+order 4712\s+a\s+acme.*in 4 h/s),
    ]);
    await shows(page, /the oldest for \d+ s/);
    await expect.poll(() => page.title()).toBe("(2) held · once-again console");
    await choose(page, "a");
    await shows(page, /It is forgotten in 4 h/);
    await shows(page, "POST /orders");
    expect(await page.getByRole("link", { name: "What to do" }).getAttribute("href")).toMatch(
      /unknown-outcomes\.md#held-keys$/,
    );
    // The equal command, which does the same.
    await sign(page);
    await page.getByText("The same on the command line").last().click();
    const command = "once-again keys release --by alice --reason 'the bank has it' -- acme a";
    expect(await page.locator(".command pre").last().innerText()).toBe(command);
    expect(complaints).toEqual([]);
  });

  test("several marked keys are settled at once, and one that was taken over meanwhile is left", async () => {
    for (const key of ["order-1", "order-2", "order-3"]) await hold(store, key);
    const { page, complaints } = await open();
    await page.getByRole("button", { name: "Mark all 3 held keys of this page" }).click();
    await shows(page, "3 keys are marked");
    await page.getByLabel("Mark order-3").uncheck();
    await shows(page, "2 keys are marked");
    const retried = { ...named("order-2"), owner: "another", takeOverAfterMs: 0 };
    await store.claim({ ...retried, fingerprint: "f".repeat(64), leaseMs: hourMs, retentionMs: hourMs });
    await sign(page);
    await page.getByLabel("Body", { exact: true }).fill('{"order":7}');
    await page.getByRole("button", { name: "Resolve with this answer…" }).click();
    await shows(page, "Every repeat of each of 2 keys gets HTTP 201");
    await page.getByRole("button", { name: "Resolve", exact: true }).click();
    await shows(page, "1 are left: A worker owns this key now.");
    const states = ["order-1", "order-2", "order-3"].map(async (key) => (await store.inspect(named(key)))?.state);
    expect(await Promise.all(states)).toEqual(["done", "running", "abandoned"]);
    expect(complaints).toEqual([]);
  });

  test("axe finds nothing, on a screen and on a phone, in the light and in the dark", async () => {
    await hold(store, "order-5");
    await finish(store, "order-3");
    for (const view of [{}, { dark: true }, { width: 390, height: 844 }, { width: 390, height: 844, dark: true }]) {
      const { page } = await open(server.url, view);
      await shows(page, "✓ responds");
      const held = page.getByRole("button", { name: "order-5", exact: true });
      const { y = 0, height = 0 } = (await held.boundingBox()) ?? {};
      expect(y + height).toBeLessThan(page.viewportSize()!.height);
      expect(await axeFindings(page)).toEqual([]);
      await held.click();
      await shows(page, "It did not happen");
      expect(await axeFindings(page)).toEqual([]);
      await page.getByRole("button", { name: "Mark all 1 held keys of this page" }).click();
      await shows(page, "1 key is marked");
      expect(await axeFindings(page)).toEqual([]);
    }
  });

  test("it fits a phone, in the dark, with a key open", async () => {
    await hold(store, `order-${"5".repeat(200)}`);
    const { page, complaints } = await open(server.url, { width: 360, height: 740, dark: true });
    await page.getByRole("button", { name: /^order-5/ }).click();
    await shows(page, "It did not happen");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    expect(await page.evaluate("document.documentElement.dataset.theme")).toBe("dark");
    expect(complaints).toEqual([]);
  });

  test("on a phone no filter is cut off", async () => {
    const { page } = await open(server.url, { width: 390, height: 844 });
    await shows(page, "No key is held.");
    const controls = await page.locator(".filters").locator("input, select, button").all();
    expect(controls).toHaveLength(5);
    for (const control of controls) {
      const { x = -1, width = 0 } = (await control.boundingBox()) ?? {};
      expect(x).toBeGreaterThanOrEqual(0);
      expect(width).toBeGreaterThan(40);
      expect(x + width).toBeLessThanOrEqual(390);
    }
  });

  test("a console that has gone is reported, and found again", async () => {
    const { page } = await open();
    await shows(page, "✓ responds");
    const { port } = new URL(server.url);
    await server.close();
    await shows(page, "The console does not answer.");
    const again = await consoleServer({
      sections: [keysSection({ store: () => store })],
      page: browser.page,
      port: Number(port),
    });
    onTestFinished(() => again.close());
    await shows(page, "✓ responds");
  });

  describeWithServer("on PostgreSQL", postgresBinary, () => {
    test("a store that has gone is reported, and is found again", async () => {
      await using database = await startPostgres();
      const pool = new pg.Pool({ connectionString: database.url });
      pool.on("error", () => undefined);
      onTestFinished(() => pool.end());
      const owned = postgresStore(pool);
      await owned.migrate();
      await claim(owned, "order-1");
      const opened = await storeFromUrl(database.url);
      onTestFinished(() => opened.close());
      await using console = await consoleServer({
        sections: [keysSection({ store: () => opened })],
        page: browser.page,
      });
      const { page } = await open(console.url);
      await showAll(page);
      await shows(page, "order-1");
      await database.kill();
      await shows(page, "✕ does not respond");
      await shows(page, "not known");
      expect(await page.getByText("none to settle").count()).toBe(0);
      expect(await page.title()).toBe("(?) held · once-again console");
      await database.restart();
      await shows(page, "✓ responds");
      await shows(page, "order-1");
    });
  });
});
