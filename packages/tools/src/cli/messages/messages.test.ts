import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createPool } from "mysql2/promise";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { cliDocument, runCli, runOnTerminal } from "../../../../../test/support/cli.ts";
import { scriptBinary } from "../../../../../test/support/terminal.ts";
import { type EngineOutbox, outboxEngines } from "../../../../../test/support/outbox/engines.ts";
import { describeWithServer } from "../../../../../test/support/servers/describe-with-server.ts";
import { mariadbBinary, startMariadb } from "../../../../../test/support/servers/mariadb.ts";
import { awsEnvironment, motoBinary, startMoto } from "../../../../../test/support/servers/moto.ts";
import { postgresBinary, startPostgres } from "../../../../../test/support/servers/postgres.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import type { NewMessage, OutboxStore } from "once-again/outbox";
import { mariadbOutbox } from "once-again/stores/mariadb";
import { exitCodes } from "once-again/internal/command";

// Each command is a separate process, and the tests start servers.
const { fine, bad, usage } = exitCodes;

type Fixture = Pick<EngineOutbox, "outbox" | "begin">;
/** Who does it, and why, where a command changes something. */
const noteOf = (command: string): string[] =>
  ["retry", "discard"].includes(command) ? ["--by", "alice", "--reason", "INC-12"] : [];

const change = (did: string, id: string) => ({
  at: expect.stringMatching(/Z$/),
  by: "alice",
  did,
  id,
  reason: "INC-12",
});

type PostponeRequest = Parameters<OutboxStore<never>["postpone"]>[0][number];

async function add({ outbox, begin }: Fixture, ...messages: readonly Partial<NewMessage>[]): Promise<void> {
  const { transaction, commit } = await begin();
  for (const message of messages) await outbox.add(transaction, { topic: "order.placed", body: "tea", ...message });
  await commit();
}

/** Adds messages, and parks them as a relay does. */
function park(fixture: Fixture, messages: readonly Partial<NewMessage>[], refusal = "no route"): Promise<void> {
  return refuse(fixture, messages, { refusal, delayMs: 0, park: "block" });
}

/** Adds messages, which their place refuses. */
async function refuse(
  fixture: Fixture,
  messages: readonly Partial<NewMessage>[],
  end: Pick<PostponeRequest, "refusal" | "delayMs" | "park" | "line">,
): Promise<void> {
  await add(fixture, ...messages);
  const owner = randomUUID();
  const { batches } = await fixture.outbox.claim({ owner, leaseMs: 60_000, limit: 100, messagesPerKey: 1 });
  const claimed = batches.flatMap((batch) => batch.messages);
  expect(claimed).toHaveLength(messages.length);
  await fixture.outbox.postpone(claimed.map(({ position }) => ({ position, owner, place: "shop/orders", ...end })));
}

describe("on SQLite", () => {
  let path: string;
  let fixture: EngineOutbox;
  beforeEach(() => {
    path = join(temporaryFolder(), "shop.db");
    fixture = outboxEngines.sqlite(path);
    onTestFinished(() => fixture.close());
  });
  const messages = (command: string, ...args: string[]) =>
    runCli(["messages", command, "--store", `sqlite:${path}`, ...args, ...noteOf(command)]);
  const messagesDocument = (command: string, ...args: string[]) =>
    cliDocument("messages", command, "--store", `sqlite:${path}`, ...args, ...noteOf(command));
  const parkedIds = async () => (await fixture.outbox.listUnconfirmed({ state: "parked" })).map(({ id }) => id);

  test("list shows what its place did not confirm since the first try, and says what the place said", async () => {
    await refuse(fixture, [{ id: "order-1", orderingKey: "7" }], { refusal: "no route", delayMs: 60_000 });
    await refuse(fixture, [{ id: "order-2" }], { refusal: "It can't be reached.", delayMs: 60_000, line: "failed" });
    const { code, stdout, stderr } = await messages("list");
    expect(stdout.trimEnd().split("\n")).toEqual([
      expect.stringMatching(
        /^2 messages in the outbox: 0 parked, 2 tried and not confirmed\. The oldest .* for \d+s\.$/,
      ),
      "",
      expect.stringMatching(/^PLACE +NOT CONFIRMED +UNTRIED +OLDEST +TRIED +ANSWER$/),
      expect.stringMatching(/^shop\/orders +2 +0 +\d+s ago +\d+s ago +It can't be reached\.$/),
      "",
      expect.stringMatching(/^ADDED +TRIED +STATE +REFUSALS +PLACE +TOPIC +KEY +ID +ANSWER$/),
      expect.stringMatching(
        /^\d+s ago +\d+s ago +next: in \d+s +1 +shop\/orders +order\.placed +7 +order-1 +no route$/,
      ),
      expect.stringMatching(/^\d+s ago .* +next: in \d+s +1 +shop\/orders .* order-2 +It can't be reached\.$/),
    ]);
    expect({ code, stderr }).toEqual({ code: fine, stderr: "" });
    expect((await messages("show", "order-2")).stdout).toMatch(
      /^place +shop\/orders$[^]*^tried again +\d.*\(in \d+s\)$/m,
    );
  });

  test("list shows the backlog, and each parked message in a line", async () => {
    await park(fixture, [{ id: "order-1", orderingKey: "7" }, { id: "order-2" }]);
    await add(fixture, { id: "order-3", orderingKey: "7" });
    const { code, stdout, stderr } = await messages("list");
    expect(stdout.trimEnd().split("\n")).toEqual([
      expect.stringMatching(
        /^3 messages in the outbox: 2 parked, 0 tried and not confirmed\. The oldest that is not parked waits for \d+s\.$/,
      ),
      "",
      expect.stringMatching(/^ADDED +TRIED +STATE +REFUSALS +PLACE +TOPIC +KEY +ID +ANSWER$/),
      expect.stringMatching(/^\d+s ago +\d+s ago +parked +1 +shop\/orders +order\.placed +7 +order-1 +no route$/),
      expect.stringMatching(/^\d+s ago +\d+s ago +parked +1 +shop\/orders +order\.placed +- +order-2 +no route$/),
    ]);
    expect({ code, stderr }).toEqual({ code: fine, stderr: "" });
    const first = await messages("list", "--limit", "1");
    expect(first.stdout).toMatch(/order-1(?!.*order-2).*There are more of them: --after 1$/ms);
    const second = await messages("list", "--limit", "1", "--after", "1");
    expect(second.stdout).toMatch(/order-2/);
    expect(second.stdout).not.toMatch(/order-1 |more of them/);
    const { code: wrong, stderr: problem } = await messages("list", "--after", "order-1");
    expect([wrong, problem]).toEqual([usage, expect.stringContaining("must be a position")]);
  });

  test("list --json is one document", async () => {
    expect(await messagesDocument("list")).toEqual({
      code: fine,
      document: {
        backlog: { messages: 0, parked: 0, unconfirmed: 0, places: 0, oldestMs: null },
        places: [],
        messages: [],
        next: null,
      },
    });
    await park(fixture, [{ id: "order-1" }]);
    await refuse(fixture, [{ id: "order-2" }], { refusal: "full", delayMs: 60_000 });
    await add(fixture, { id: "order-3" });
    const time = expect.stringMatching(/^\d{4}-.*Z$/);
    const common = {
      topic: "order.placed",
      place: "shop/orders",
      orderingKey: null,
      addedAt: time,
      triedAt: time,
      refusals: 1,
      blocks: false,
      bodyBytes: 3,
    };
    expect(await messagesDocument("list")).toEqual({
      code: fine,
      document: {
        backlog: { messages: 3, parked: 1, unconfirmed: 1, places: 1, oldestMs: expect.any(Number) },
        places: [{ place: "shop/orders", tried: 1, untried: 0, oldestAt: time, triedAt: time, refusal: "full" }],
        messages: [
          { ...common, id: "order-1", state: "parked", dueAt: null, parkedAt: time, refusal: "no route" },
          { ...common, id: "order-2", state: "waiting", dueAt: time, parkedAt: null, refusal: "full" },
        ],
        next: null,
      },
    });
    for (const [state, id] of [
      ["parked", "order-1"],
      ["waiting", "order-2"],
    ] as const) {
      expect(await messagesDocument("list", "--state", state)).toMatchObject({ document: { messages: [{ id }] } });
    }
  });

  test("show has one message whole, and both where two have one id", async () => {
    await park(fixture, [{ id: "order-1", orderingKey: "7", body: { item: "tea" } }, { id: "order-2" }]);
    const { code, stdout } = await messages("show", "order-1");
    expect(code).toBe(fine);
    expect(stdout).toMatch(/^id +order-1$/m);
    expect(stdout).toMatch(/^ordering key +7$/m);
    expect(stdout).toMatch(/^place +shop\/orders$/m);
    expect(stdout).toMatch(/^answer +no route$/m);
    expect(stdout).toMatch(/^body +14 bytes\n {2}content-type: application\/json\n {2}\{"item":"tea"\}$/m);
    expect(stdout).not.toContain("order-2");
    await park(fixture, [{ id: "order-1", body: Uint8Array.of(255) }]);
    expect(await messagesDocument("show", "order-1")).toMatchObject({
      code: fine,
      document: { messages: [{ bodyBase64: "eyJpdGVtIjoidGVhIn0=" }, { id: "order-1", bodyBase64: "/w==" }] },
    });
  });

  test("a broker's words and a body can't move the cursor", async () => {
    await park(fixture, [{ id: "order-1", body: "\u001b[2Jevil" }], "\u001b]0;evil\u0007\n\u202e");
    for (const args of [[], ["order-1"]]) {
      const { stdout } = await messages(args.length === 0 ? "list" : "show", ...args);
      expect(stdout).toContain(String.raw`\u{1b}]0;evil\u{7}\u{a}\u{202e}`);
      expect(stdout).not.toContain("\u001b");
    }
  });

  test("retry gives one back to the relays, or all", async () => {
    await park(fixture, [{ id: "order-1" }, { id: "order-2" }, { id: "order-3" }, { id: "order-3" }]);
    const { code, stdout, stderr } = await messages("retry", "order-2");
    expect({ code, stderr }).toEqual({ code: fine, stderr: "" });
    expect(stdout).toMatch(
      /^20\S+Z alice retried order-2: INC-12\n1 message retried: a relay publishes what is free next\.\n3 messages parked\.\n$/,
    );
    expect(await parkedIds()).toEqual(["order-1", "order-3", "order-3"]);
    expect(await messagesDocument("retry", "--all", "--limit", "1")).toEqual({
      code: fine,
      document: { retried: 1, left: [], parked: 2, isInterrupted: false, changes: [change("retried", "order-1")] },
    });
    expect(await messagesDocument("retry", "--all")).toEqual({
      code: fine,
      document: {
        ...{ retried: 2, left: [], parked: 0, isInterrupted: false },
        changes: [change("retried", "order-3"), change("retried", "order-3")],
      },
    });
    const { batches } = await fixture.outbox.claim({ owner: "o", leaseMs: 1000, limit: 9, messagesPerKey: 1 });
    expect(batches.flatMap((batch) => batch.messages.map(({ refusals }) => refusals))).toEqual([0, 0, 0, 0]);
    expect(await messages("retry", "--all")).toEqual({ code: fine, stdout: "No message is parked.\n", stderr: "" });
  });

  test("discard removes for good, with --yes alone where there is no terminal", async () => {
    await park(fixture, [{ id: "order-1", orderingKey: "7" }, { id: "order-2" }]);
    await add(fixture, { id: "order-3", orderingKey: "7" });
    for (const which of ["order-1", "--all"]) {
      const { code, stdout, stderr } = await messages("discard", which);
      expect({ code, stdout }).toEqual({ code: usage, stdout: "" });
      expect(stderr).toContain("--yes");
    }
    expect(await parkedIds()).toEqual(["order-1", "order-2"]);
    expect(await messagesDocument("discard", "order-1", "--yes")).toEqual({
      code: fine,
      document: { discarded: 1, left: [], parked: 1, isInterrupted: false, changes: [change("discarded", "order-1")] },
    });
    expect((await messages("show", "order-1")).stderr).toMatch(
      /^order-1: It was discarded at 20\S+Z by alice: INC-12$/m,
    );
    expect(await messagesDocument("discard", "--all", "--yes")).toEqual({
      code: fine,
      document: { discarded: 1, left: [], parked: 0, isInterrupted: false, changes: [change("discarded", "order-2")] },
    });
    const time = expect.stringMatching(/^\d{4}-.*Z$/);
    const said = { topic: "order.placed", place: "shop/orders", addedAt: time, parkedAt: time, discardedAt: time };
    const why = { author: "alice", reason: "INC-12", refusals: 1, refusal: "no route" };
    expect(await messagesDocument("list", "--state", "discarded")).toEqual({
      code: fine,
      document: {
        discarded: [
          { ...said, ...why, id: "order-2", orderingKey: null },
          { ...said, ...why, id: "order-1", orderingKey: "7" },
        ],
      },
    });
    expect((await messages("list", "--state", "discarded")).stdout).toMatch(
      /^DISCARDED +BY +REASON +PLACE +TOPIC +KEY +ID +ANSWER\n\d+s ago +alice +INC-12 +shop\/orders +order\.placed +- +order-2 +no route\n/,
    );
    expect(await fixture.outbox.backlog()).toMatchObject({ messages: 1, parked: 0 });
  });

  describeWithServer("on a terminal", scriptBinary, () => {
    test.for([
      ["y\n", []],
      ["n\n", ["order-1"]],
      ["\u0003", ["order-1"]],
    ] as const)("discard shows the message and asks: %j", async ([answer, left]) => {
      await park(fixture, [{ id: "order-1" }]);
      const printed = await runOnTerminal(
        ["messages", "discard", "--store", `sqlite:${path}`, "order-1", "--reason", "seen"],
        answer,
      );
      expect(printed).toMatch(/order-1 +no route/);
      expect(printed).toContain("Remove for good?");
      expect(printed).toContain(left.length === 0 ? "1 message discarded" : "Nothing was changed.");
      expect(await parkedIds()).toEqual(left);
    });
  });

  test.for(["waits", "never was"])("a message that %s is not parked: nothing is changed", async (which) => {
    if (which === "waits") await add(fixture, { id: "order-1" });
    const before = await fixture.outbox.backlog();
    const nothing = { left: ["order-1"], parked: 0, isInterrupted: false, changes: [] };
    for (const [command, document, words] of [
      ["show", { messages: [] }, "was tried and waits"],
      ["retry", { retried: 0, ...nothing }, "is parked by this id"],
      ["discard", { discarded: 0, ...nothing }, "is parked by this id"],
    ] as const) {
      expect(await messagesDocument(command, "order-1")).toEqual({ code: bad, document });
      expect((await messages(command, "order-1")).stderr).toMatch(new RegExp(`^order-1: No message .*${words}`));
    }
    expect(await fixture.outbox.backlog()).toMatchObject({ messages: before.messages, parked: 0 });
  });

  test.for([
    [["retry"], "--all"],
    [["retry", "order-1", "--all"], "--all"],
    [["discard", "--yes"], "--all"],
    [["list", "--limit", "1001"], "1 to 1000"],
    [["list", "--store", "redis://user:secret@127.0.0.1/"], "There is no outbox for redis:"],
    [["list", "--store", "postgres://["], "can't be read"],
  ] satisfies [[string, ...string[]], string][])("%j is wrong usage", async ([[command, ...args], words]) => {
    const { code, stdout, stderr } = await messages(command, ...args);
    expect({ code, stdout }).toEqual({ code: usage, stdout: "" });
    expect(stderr).toContain(words);
    expect(stderr).not.toContain("secret");
  });

  test("a file without an outbox is refused, and stays without one", async () => {
    const other = join(temporaryFolder(), "other.db");
    const database = new DatabaseSync(other);
    onTestFinished(() => database.close());
    database.exec("CREATE TABLE orders (id TEXT)");
    const { code, stderr } = await runCli(["messages", "list", "--store", `sqlite:${other}`]);
    expect({ code, stderr }).toEqual({ code: usage, stderr: expect.stringContaining("holds no outbox") });
    expect(database.prepare("SELECT name FROM sqlite_schema").all()).toEqual([{ name: "orders" }]);
  });
});

/** Decides about parked messages in a server, after the command has made its tables. */
async function migrateAndDecide(url: string, fixture: Fixture): Promise<void> {
  const before = await runCli(["messages", "list", "--store", url]);
  expect(before).toMatchObject({ code: usage, stdout: "", stderr: expect.stringContaining("--outbox") });
  expect(await cliDocument("migrate", "--store", url, "--outbox")).toEqual({
    code: fine,
    document: { migrated: true },
  });
  await decideByUrl(url, fixture);
}

async function decideByUrl(url: string, fixture: Fixture): Promise<void> {
  const document = (command: string, ...args: string[]) =>
    cliDocument("messages", command, "--store", url, ...args, ...noteOf(command));
  await park(fixture, [{ id: "order-1", orderingKey: "7" }, { id: "order-2" }, { id: "order-3" }]);
  await add(fixture, { id: "order-4" });
  expect(await document("list", "--limit", "2")).toMatchObject({
    code: fine,
    document: { backlog: { messages: 4, parked: 3, oldestMs: expect.any(Number) }, messages: [{}, {}] },
  });
  expect(await document("show", "order-1")).toMatchObject({
    code: fine,
    document: { messages: [{ id: "order-1", orderingKey: "7", refusal: "no route", bodyBase64: "dGVh" }] },
  });
  expect(await document("show", "order-4")).toEqual({ code: bad, document: { messages: [] } });
  expect(await document("retry", "order-1")).toMatchObject({ code: fine, document: { retried: 1, parked: 2 } });
  expect(await document("discard", "order-2", "--yes")).toMatchObject({ code: fine, document: { discarded: 1 } });
  expect(await document("retry", "order-2")).toMatchObject({ code: bad, document: { left: ["order-2"], parked: 1 } });
  expect(await document("retry", "--all")).toMatchObject({ code: fine, document: { retried: 1, parked: 0 } });
  expect(await document("list", "--state", "discarded", "--limit", "1")).toMatchObject({
    document: { discarded: [{ id: "order-2", place: "shop/orders", author: "alice", reason: "INC-12" }] },
  });
  // A message that is tried again is not gone: until it is confirmed it is listed, with the last answer.
  expect(await document("list")).toMatchObject({
    document: {
      backlog: { parked: 0, unconfirmed: 2 },
      places: [{ place: "shop/orders", tried: 2, refusal: "no route" }],
      messages: expect.arrayContaining(
        ["order-1", "order-3"].map((id) =>
          expect.objectContaining({ id, state: "waiting", refusals: 0, refusal: "no route" }),
        ),
      ),
    },
  });
}

describeWithServer("PostgreSQL", postgresBinary, () => {
  test("messages are shown, retried and discarded", async () => {
    const server = await startPostgres();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const fixture = outboxEngines.postgres(server.url);
    onTestFinished(() => fixture.close());
    await migrateAndDecide(server.url, fixture);
  });
});

describeWithServer("MariaDB", mariadbBinary, () => {
  test("messages are shown, retried and discarded, under a prefix", async () => {
    const server = await startMariadb();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const pool = createPool(server.url);
    onTestFinished(() => pool.end());
    await pool.query("CREATE DATABASE shop");
    const url = server.url.replace(/[^/]+$/, "shop");
    const shop = createPool(url);
    onTestFinished(() => shop.end());
    const begin = async () => {
      const connection = await shop.getConnection();
      await connection.beginTransaction();
      const end = async (how: "commit" | "rollback"): Promise<void> => {
        await connection[how]();
        connection.release();
      };
      return { transaction: connection, commit: () => end("commit"), rollback: () => end("rollback") };
    };
    const outbox = mariadbOutbox(shop, { tablePrefix: "shop_" });
    await migrateAndDecide(`${url}?tablePrefix=shop_`, { outbox, begin } as unknown as Fixture);
  });
});

describeWithServer("DynamoDB", motoBinary, () => {
  test("messages are shown, retried and discarded, and its index is not made by a command", async () => {
    const server = await startMoto();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const fixture = outboxEngines.dynamodb(server.url);
    onTestFinished(() => fixture.close());
    for (const [name, value] of Object.entries(awsEnvironment(server))) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const url = "dynamodb://us-east-1/messages";
    const list = () => runCli(["messages", "list", "--store", url]);
    expect(await list()).toMatchObject({ code: usage, stderr: expect.stringContaining("The table is not there") });
    const migrated = await runCli(["migrate", "--store", url, "--outbox"]);
    expect(migrated).toMatchObject({ code: usage, stderr: expect.stringContaining("dynamodb.md") });
    await fixture.migrate();
    await park(fixture, [{ id: "order-5" }, { id: "order-6" }]);
    const { document } = await cliDocument("messages", "list", "--store", url, "--limit", "1");
    const { next } = document as { next: string };
    expect(document).toMatchObject({ messages: [{ id: "order-5" }], next: expect.stringMatching(/^\d{47}$/) });
    expect(await cliDocument("messages", "list", "--store", url, "--after", next)).toMatchObject({
      document: { messages: [{ id: "order-6" }], next: null },
    });
    expect(await runCli(["messages", "list", "--store", url, "--after", "7".repeat(48)])).toMatchObject({
      code: usage,
    });
    const discarded = await cliDocument("messages", "discard", "--store", url, "--all", "--yes", "--reason", "a test");
    expect(discarded).toMatchObject({ document: { discarded: 2, parked: 0 } });
    await decideByUrl(url, fixture);
  });
});
