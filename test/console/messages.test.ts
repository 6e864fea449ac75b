import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { PostponeRequest } from "../../packages/once-again/src/stores/outbox-store.ts";
import { readSettlementNote } from "../../packages/once-again/src/stores/settlement-note.ts";
import type { NewMessage } from "../../packages/once-again/src/messaging/outbox/index.ts";
import { sqliteOutbox, type SqliteOutbox } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { consoleServer, type ConsoleServer } from "../../packages/tools/src/console/console-server.ts";
import { type DecidedMessage, messagesSection } from "../../packages/tools/src/console/messages/messages-section.ts";
import { consoleBrowser, type ConsoleBrowser, type Tab } from "../support/console-browser.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

describeWithServer("the Messages page, in Chromium", chromiumBinary, () => {
  let browser: ConsoleBrowser;
  let outbox: SqliteOutbox;
  let database: DatabaseSync;
  let server: ConsoleServer;
  let decided: DecidedMessage[];
  beforeAll(async () => void (browser = await consoleBrowser()));
  afterAll(() => browser[Symbol.asyncDispose]());
  beforeEach(async () => {
    const path = join(temporaryFolder(), "shop.db");
    outbox = sqliteOutbox({ path });
    database = new DatabaseSync(path, { timeout: 5000 });
    decided = [];
    const sections = [messagesSection(outbox, (message) => decided.push(message))];
    server = await consoleServer({ sections, page: browser.page });
    onTestFinished(async () => {
      await server.close();
      await outbox.close();
      database.close();
    });
  });

  const add = async (...messages: readonly Partial<NewMessage>[]): Promise<void> => {
    database.exec("BEGIN IMMEDIATE");
    for (const message of messages) await outbox.add(database, { topic: "order.placed", body: "tea", ...message });
    database.exec("COMMIT");
  };
  /** Adds messages, and gives them back as a relay does. */
  const refuse = async (
    messages: readonly Partial<NewMessage>[],
    end: Omit<PostponeRequest, "position" | "owner">,
  ): Promise<void> => {
    await add(...messages);
    const owner = randomUUID();
    const { batches } = await outbox.claim({ owner, leaseMs: 60_000, limit: 100, messagesPerKey: 1 });
    await outbox.postpone(
      batches.flatMap((batch) => batch.messages).map(({ position }) => ({ position, owner, ...end })),
    );
  };
  const park = (...messages: readonly Partial<NewMessage>[]): Promise<void> =>
    refuse(messages, { delayMs: 0, place: "shop/orders", refusal: "no route for it", park: "block" });
  const open = async (url = server.url, view: Parameters<ConsoleBrowser["open"]>[1] = {}): Promise<Tab> => {
    const tab = await browser.open(url, view);
    onTestFinished(() => tab.page.close());
    return tab;
  };
  const shows = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();
  const choose = (page: Page, id: string) => page.getByRole("button", { name: id, exact: true }).click();
  const sign = async (page: Page): Promise<void> => {
    await page.getByLabel("Your name").fill("alice");
    await page.getByLabel("Reason").fill("INC-12");
  };
  const parked = async () => (await outbox.listUnconfirmed({ state: "parked" })).map(({ id }) => id);

  test("an empty outbox says so, and what is parked appears by itself", async () => {
    const { page, complaints } = await open();
    await shows(page, "Every message that was tried is confirmed.");
    await shows(page, "✓ answers");
    await park({ id: "order-1", orderingKey: "7" });
    await add({ id: "order-2", orderingKey: "7" });
    await shows(page, "no route for it");
    await shows(page, "✕ parked");
    await expect
      .poll(() => page.getByLabel("The outbox").innerText())
      .toMatch(/Waiting\s+2[^]*Parked\s+1[^]*Oldest\s+\d+ s/);
    expect(complaints).toEqual([]);
  });

  test("a message is shown whole, and is published again", async () => {
    await park(
      { id: "order-1", orderingKey: "7", body: { item: "tea" }, headers: { trace: "t-1" } },
      { id: "order-2" },
    );
    const { page, complaints } = await open();
    await choose(page, "order-1");
    await shows(page, "Body, 14 bytes");
    expect(await page.locator("dl").innerText()).toMatch(/Place\s+shop\/orders/);
    expect(await page.locator("pre").allInnerTexts()).toEqual(["no route for it", '{\n  "item": "tea"\n}']);
    expect(await page.locator("dl").innerText()).toMatch(/trace\s+t-1/);
    const retry = page.getByRole("button", { name: "Publish it again" });
    await retry.click();
    await shows(page, "Say who does it, and why.");
    expect(await parked()).toEqual(["order-1", "order-2"]);
    await sign(page);
    await retry.click();
    // It is not gone: it waits for a relay, with the last answer.
    await shows(page, "… tried again now");
    expect(await page.getByRole("button", { name: "order-1", exact: true }).count()).toBe(1);
    expect(await parked()).toEqual(["order-2"]);
    expect((await outbox.backlog()).messages).toBe(2);
    expect(decided).toEqual([{ id: "order-1", did: "retried", author: "alice", reason: "INC-12" }]);
    expect(complaints).toEqual([]);
  });

  test("a message is discarded by the keyboard, after it was asked; Escape cancels", async () => {
    await park({ id: "order-1" });
    const { page, complaints } = await open();
    await choose(page, "order-1");
    await sign(page);
    const discard = page.getByRole("button", { name: "Discard it…" });
    await discard.focus();
    await page.keyboard.press("Enter");
    await shows(page, "is ever published");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await parked()).toEqual(["order-1"]);
    await discard.click();
    await page.getByRole("button", { name: "Discard", exact: true }).click();
    await shows(page, "Every message that was tried is confirmed.");
    expect((await outbox.backlog()).messages).toBe(0);
    expect(decided).toEqual([{ id: "order-1", did: "discarded", author: "alice", reason: "INC-12" }]);
    const [message] = await outbox.listDiscarded();
    expect(message && readSettlementNote(message.note)).toEqual({ author: "alice", reason: "INC-12" });
    expect(complaints).toEqual([]);
  });

  test("what a place does not confirm is shown since its first try, with the place, and there is nothing to decide", async () => {
    const refused = { delayMs: 3_600_000, place: "shop/orders", refusal: "no route for it", refusals: 1 };
    await refuse([{ id: "order-1", orderingKey: "7" }, { id: "order-2" }], refused);
    await refuse([{ id: "order-3" }], { delayMs: 0, place: "shop/orders", line: "untried" });
    const { page, complaints } = await open();
    await shows(page, "Places that don't confirm their messages");
    await shows(page, "2 not confirmed");
    await shows(page, "1 untried");
    await expect.poll(() => page.getByLabel("The outbox").innerText()).toMatch(/Not confirmed\s+2\s+.*at 1 place/);
    await choose(page, "order-1");
    await shows(page, "It is tried again by itself");
    expect(await page.locator("dl").innerText()).toMatch(/Place\s+shop\/orders[^]*Tried again\s+\d{4}-/);
    for (const name of ["Publish it again", "Discard it…"]) {
      expect(await page.getByRole("button", { name }).count()).toBe(0);
    }
    expect(complaints).toEqual([]);
  });

  test("a message that was decided meanwhile is reported", async () => {
    await park({ id: "order-1" });
    const { page } = await open();
    await choose(page, "order-1");
    await sign(page);
    await outbox.discardParked("order-1");
    await page.getByRole("button", { name: "Publish it again" }).click();
    await shows(page, "No message is parked by this id any more");
  });

  test("without the token messages are shown, with nothing to decide about them by, and it is said what that takes", async () => {
    await park({ id: "order-1" });
    const { page, complaints } = await open(new URL(server.url).origin);
    await choose(page, "order-1");
    await shows(page, "To decide about it, open the address that the console printed");
    await shows(page, "Body, 3 bytes");
    for (const name of ["Publish it again", "Discard it…"]) {
      expect(await page.getByRole("button", { name }).count()).toBe(0);
    }
    expect(complaints).toEqual([]);
  });

  test("parked messages are paged", async () => {
    await park(...Array.from({ length: 60 }, (_, index) => ({ id: `order-${String(index).padStart(2, "0")}` })));
    const { page, complaints } = await open();
    await shows(page, "order-49");
    expect(await page.locator("tbody tr").count()).toBe(50);
    await page.getByRole("button", { name: "Next" }).click();
    await shows(page, "order-59");
    expect(await page.locator("tbody tr").count()).toBe(10);
    await page.getByRole("button", { name: "Previous" }).click();
    await shows(page, "order-00");
    expect(complaints).toEqual([]);
  });

  test("what can't be asked is refused in words", async () => {
    const problemOf = async (path: string, body?: unknown): Promise<string> => {
      const headers = { authorization: `Bearer ${server.token}` };
      const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
      const response = await fetch(new URL(`/api/messages/${path}`, server.url), { ...init, headers });
      return `${response.status} ${((await response.json()) as { problem: string }).problem}`;
    };
    expect(await problemOf("list?limit=201")).toBe("400 limit must be a whole number from 1 to 200.");
    expect(await problemOf("list?after=x")).toBe("400 after must be a message's position.");
    expect(await problemOf("show")).toBe("400 A message is named by its id.");
    expect(await problemOf("show?id=x")).toMatch(/^404 No message of this id was tried/);
    expect(await problemOf("retry", {})).toBe("400 A message is named by its id.");
    for (const note of [
      {},
      { author: "alice" },
      { reason: "INC-12" },
      { author: "", reason: "INC-12" },
      { author: 7, reason: [] },
    ]) {
      for (const way of ["retry", "discard"])
        expect(await problemOf(way, { id: "x", ...note })).toMatch(/^400 Say who does it/);
    }
    expect(await problemOf("discard", { id: "x", author: "alice", reason: "INC-12" })).toMatch(
      /^409 No message is parked/,
    );
  });

  test("it fits a phone, in the dark, with a message open", async () => {
    await park({ id: `order-${"5".repeat(200)}`, headers: { note: "x".repeat(300) } });
    const { page, complaints } = await open(server.url, { width: 360, height: 740, dark: true });
    await page.getByRole("button", { name: /^order-5/ }).click();
    await shows(page, "The cause is repaired");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    expect(await page.evaluate("document.documentElement.dataset.theme")).toBe("dark");
    expect(complaints).toEqual([]);
  });
});
