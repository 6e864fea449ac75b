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
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { sealKey } from "../support/keys-fixture.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { postgresBinary, startPostgres } from "../support/servers/postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { consoleBrowser, type ConsoleBrowser, type Tab } from "../support/console-browser.ts";
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
  const sign = async (page: Page): Promise<void> => {
    await page.getByLabel("Your name").fill("alice");
    await page.getByLabel("Reason").fill("the bank has it");
  };

  test("an empty store says so", async () => {
    const { page, complaints } = await open();
    await shows(page, "No keys yet.");
    await shows(page, "✓ answers");
    expect(complaints).toEqual([]);
  });

  test("keys are listed by state, scope and name, and a new one appears by itself", async () => {
    await claim(store, "order-1");
    await hold(store, "order-2", "globex");
    await finish(store, "order-3");
    const { page, complaints } = await open();
    await shows(page, "order-3");
    expect(await rows(page).allInnerTexts()).toEqual([
      expect.stringMatching(/running\s+acme\s+order-1/),
      expect.stringMatching(/done\s+acme\s+order-3/),
      expect.stringMatching(/held\s+globex\s+order-2/),
    ]);
    await page.getByLabel("State").selectOption("held");
    await page.getByText("order-3").waitFor({ state: "detached" });
    expect(await rows(page).count()).toBe(1);
    await page.getByLabel("State").selectOption("all states");
    await page.getByLabel("Scope").fill("globex");
    await page.getByText("order-1").waitFor({ state: "detached" });
    await claim(store, "order-4", "globex");
    await shows(page, "order-4");
    expect(complaints).toEqual([]);
  });

  test("a key is found by its name, and shown with its stored answer", async () => {
    await finish(store, "order-3");
    const { page, complaints } = await open();
    await page.getByLabel("Key", { exact: true }).fill("order-3");
    await page.getByRole("button", { name: "Find" }).click();
    await shows(page, "give the scope too");
    await page.getByLabel("Scope").fill("acme");
    await page.getByRole("button", { name: "Find" }).click();
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
    await shows(page, "No keys yet.");
    expect(await store.inspect(named("order-5"))).toBeUndefined();
    expect(complaints).toEqual([]);
  });

  test("the server itself refuses a settlement without a name or a reason, and an answer that can't be read", async () => {
    await hold(store, "order-5");
    const { origin } = new URL(server.url);
    const tell = (way: string, more: object) =>
      fetch(`${origin}/api/keys/${way}`, {
        method: "POST",
        headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
        body: JSON.stringify({ scope: "acme", key: "order-5", attempt: 1, ...more }),
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
    await shows(page, "It was taken over and abandoned again since you looked.");
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
    await shows(page, "many-000050");
    expect(await rows(page).count()).toBe(50);
    await page.getByRole("button", { name: "Next" }).click();
    await shows(page, "many-000100");
    expect(await rows(page).count()).toBe(50);
    await page.getByRole("button", { name: "Previous" }).click();
    await shows(page, "many-000050");
    await page.getByRole("button", { name: "Held 1,000+" }).waitFor();
    expect(complaints).toEqual([]);
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

  test("a console that has gone is told of, and found again", async () => {
    const { page } = await open();
    await shows(page, "✓ answers");
    const { port } = new URL(server.url);
    await server.close();
    await shows(page, "The console does not answer.");
    const again = await consoleServer({
      sections: [keysSection({ store: () => store })],
      page: browser.page,
      port: Number(port),
    });
    onTestFinished(() => again.close());
    await shows(page, "✓ answers");
  });

  describeWithServer("on PostgreSQL", postgresBinary, () => {
    test("a store that has gone is told of, and is found again", async () => {
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
      await shows(page, "order-1");
      await database.kill();
      await shows(page, "✕ does not answer");
      await database.restart();
      await shows(page, "✓ answers");
      await shows(page, "order-1");
    });
  });
});
