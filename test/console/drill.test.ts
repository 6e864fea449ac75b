import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { readSettlementNote } from "../../packages/once-again/src/stores/settlement-note.ts";
import { consoleServer } from "../../packages/tools/src/console/console-server.ts";
import { listKeys } from "../../packages/tools/src/admin/list.ts";
import { listReleases } from "../../packages/tools/src/admin/releases.ts";
import { keysSection, type SettledKey } from "../../packages/tools/src/console/keys/keys-section.ts";
import { runCli } from "../support/cli.ts";
import { consoleBrowser, type ConsoleBrowser } from "../support/console-browser.ts";
import { chromiumBinary } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const program = fileURLToPath(new URL("../../examples/drill/main.ts", import.meta.url));
const body = '{"paid":true}';

/** Kills the service of docs/guides/three-in-the-morning.md. Returns its folder, as the alert says it. */
async function drill(): Promise<{ folder: string; alert: string }> {
  const folder = temporaryFolder();
  const { stdout } = await promisify(execFile)(process.execPath, [program, folder]);
  return { folder, alert: stdout };
}

/** Each key that the bank has was settled as done by this author; every other is free. */
async function expectSettled(folder: string, author: string): Promise<void> {
  const charged = readFileSync(join(folder, "bank.txt"), "utf8").trim().split("\n");
  expect(charged).toHaveLength(20);
  const store = sqliteStore({ path: join(folder, "keys.db") });
  const { records } = await listKeys(store, { limit: 1000 });
  expect(records.map(({ key }) => key).toSorted()).toEqual(charged.toSorted());
  for (const name of records) {
    const { state, record } = (await store.inspect(name))!;
    expect(state).toBe("done");
    expect(readSettlementNote(record.settlementNote!)?.author).toBe(author);
    expect(new TextDecoder().decode(record.result)).toContain(body);
  }
  await store.close();
}

describeWithServer("three in the morning, by the console alone", chromiumBinary, () => {
  let browser: ConsoleBrowser;
  beforeAll(async () => void (browser = await consoleBrowser()));
  afterAll(() => browser[Symbol.asyncDispose]());

  const markAll = async (page: Page, scope: string, reason: string): Promise<void> => {
    await page.getByLabel("Scope").fill(scope);
    await page.getByRole("button", { name: "Mark all 20 held keys of this page" }).click();
    await page.getByText("20 keys are marked").waitFor();
    await page.getByLabel("Your name").fill("alice");
    await page.getByLabel("Reason").fill(reason);
  };

  test.each([
    ["a screen", { width: 1280, height: 800 }],
    ["a phone", { width: 390, height: 844 }],
  ])("40 keys of a killed service are settled on %s, each with its author", async (_, view) => {
    const { folder, alert } = await drill();
    expect(alert).toMatch(/^\[FIRING\] Keys are held: 40, the oldest for \d+ s\.$/m);
    const store = sqliteStore({ path: join(folder, "keys.db") });
    onTestFinished(() => store.close());
    const settled: SettledKey[] = [];
    const sections = [keysSection({ store: () => store }, (key) => settled.push(key))];
    await using server = await consoleServer({ sections, page: browser.page });
    const { page, complaints } = await browser.open(server.url, view);
    await expect.poll(() => page.title()).toBe("(40) held · once-again console");
    // The first screen shows what a request was.
    const box = await page
      .getByText(/^order \d+, 25\.00 EUR$/)
      .first()
      .boundingBox();
    expect(box!.y + box!.height).toBeLessThan(view.height);

    await markAll(page, "eu", "INC-12: in bank.txt");
    await page.getByLabel("Body", { exact: true }).fill(body);
    await page.getByRole("button", { name: "Resolve with this answer…" }).click();
    await page.getByRole("button", { name: "Resolve", exact: true }).click();
    await page.getByText("No such keys.").waitFor();
    await markAll(page, "us", "INC-12: not in bank.txt");
    await page.getByRole("button", { name: "Release 20 keys…" }).click();
    await page.getByRole("button", { name: "Release", exact: true }).click();
    await expect.poll(() => page.title()).toBe("once-again console");

    await expectSettled(folder, "alice");
    expect(settled.filter(({ settledAs }) => settledAs === "not-executed")).toHaveLength(20);
    expect(settled).toHaveLength(40);
    for (const { author, reason } of settled) expect(`${author}: ${reason}`).toMatch(/^alice: INC-12/);
    expect(await listReleases(store, { limit: 100 })).toHaveLength(20);
    expect(complaints).toEqual([]);
    await page.close();
  });
});

describe("three in the morning, by the command line alone", () => {
  test("40 keys of a killed service are settled, each with its author", async () => {
    const { folder, alert } = await drill();
    const [, location = ""] = /ONCE_AGAIN_STORE=(\S+)/.exec(alert) ?? [];
    const keys = (...args: string[]) => runCli(["keys", ...args], { ONCE_AGAIN_STORE: location });
    const { stdout } = await keys("list", "--state", "held");
    expect(stdout.match(/^held .* crash +order \d+, 25\.00 EUR +(?:eu|us) +order-\d+$/gm)).toHaveLength(40);
    const note = (reason: string) => ["--by", "bob", "--reason", reason, "--yes"];
    const answer = ["--status", "201", "--header", "content-type: application/json", "--body", body];
    const resolved = await keys("resolve", "--held", "--scope", "eu", ...answer, ...note("INC-12: in bank.txt"));
    expect(resolved.stdout).toContain("20 keys settled");
    const released = await keys("release", "--held", "--scope", "us", ...note("INC-12: not in bank.txt"));
    expect(released.stdout.match(/^20\S+Z bob released us order-\d+: INC-12: not in bank\.txt$/gm)).toHaveLength(20);
    expect(released.stdout).toMatch(/^20 keys settled/m);
    const stored = await keys("list", "--state", "released");
    expect(stored.stdout.match(/ bob +order \d+, 25\.00 EUR +INC-12: not in bank\.txt +us +order-\d+$/gm)).toHaveLength(
      20,
    );
    expect((await keys("list", "--state", "held")).stdout).toBe("No such keys.\n");
    await expectSettled(folder, "bob");
  });
});
