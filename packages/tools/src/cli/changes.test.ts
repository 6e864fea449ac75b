import { join } from "node:path";
import type { Command } from "commander";
import { Redis } from "ioredis";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { runCli } from "../../../../test/support/cli.ts";
import { outboxEngines } from "../../../../test/support/outbox/engines.ts";
import { describeWithServer } from "../../../../test/support/servers/describe-with-server.ts";
import type { PrivateServer } from "../../../../test/support/servers/private-server.ts";
import { redisBinary, startRedis } from "../../../../test/support/servers/redis.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { sqliteOutbox, sqliteStore } from "once-again/stores/sqlite";
import { exitCodes } from "once-again/internal/command";
import { consoleServer } from "../console/console-server.ts";
import { keysSection } from "../console/keys/keys-section.ts";
import { messagesSection } from "../console/messages/messages-section.ts";
import { commands } from "./commands.ts";

/** How a command that opens a store, an outbox or a broker treats it. One that is new has to be added here. */
const treatments: Readonly<Record<string, "reads" | "changes" | "upkeep" | "serves">> = {
  "keys list": "reads",
  "keys show": "reads",
  "keys resolve": "changes",
  "keys release": "changes",
  // Servers ignore what it removes: no one can be hit by that.
  "keys purge": "upkeep",
  "letters list": "reads",
  "letters send": "changes",
  "messages list": "reads",
  "messages show": "reads",
  "messages retry": "changes",
  "messages discard": "changes",
  migrate: "upkeep",
  // Its changes are those of its routes, below.
  console: "serves",
};

/** A command that changes: its arguments for one key, message or letter, and what its line says of it. */
interface ChangeCase {
  readonly args: readonly string[];
  readonly line: string;
  /** It works on a broker, which has the letter, and not on the store. */
  readonly isOnBroker?: boolean;
}

const changes: Readonly<Record<string, ChangeCase>> = {
  "keys resolve": { args: ["acme", "held", "--status", "204"], line: "resolved acme held" },
  "keys release": { args: ["acme", "held"], line: "released acme held" },
  "letters send": { args: ["--from", "orders:dead", "letter"], line: "sent letter to orders", isOnBroker: true },
  "messages retry": { args: ["parked"], line: "retried parked" },
  "messages discard": { args: ["parked"], line: "discarded parked" },
};

const leaves = (command: Command, path: string): [path: string, command: Command][] =>
  command.commands.length === 0
    ? [[path, command]]
    : command.commands.flatMap((one) => leaves(one, `${path} ${one.name()}`));

async function storeCommands(): Promise<string[]> {
  const loaded = await Promise.all(commands.map(async ({ name, load }) => leaves(await load(), name)));
  const opens = (long: string | undefined): boolean => long === "--store" || long === "--broker";
  const opening = loaded.flat().filter(([, { options }]) => options.some(({ long }) => opens(long)));
  // A gateway serves callers, and no operator. The lab makes queues, and removes them.
  return opening.map(([path]) => path).filter((path) => path !== "gateway" && path !== "lab");
}

test("each command that opens a store or a broker is known to read it, or to change it", async () => {
  expect((await storeCommands()).toSorted()).toEqual(Object.keys(treatments).toSorted());
  const changing = Object.entries(treatments).flatMap(([path, how]) => (how === "changes" ? [path] : []));
  expect(Object.keys(changes).toSorted()).toEqual(changing.toSorted());
});

let path: string;
beforeEach(async () => {
  path = join(temporaryFolder(), "shop.db");
  const store = sqliteStore({ path });
  const claim = { scope: "acme", key: "held", owner: "worker", fingerprint: "f", leaseMs: 60_000, retentionMs: 60_000 };
  await store.claim(claim);
  await store.renew({ ...claim, leaseMs: 0 });
  await store.close();
  const { outbox, begin, close } = outboxEngines.sqlite(path);
  const { transaction, commit } = await begin();
  await outbox.add(transaction, { id: "parked", topic: "orders", body: "tea" });
  await commit();
  const { batches } = await outbox.claim({ owner: "relay", leaseMs: 60_000, limit: 1, messagesPerKey: 1 });
  const { position } = batches[0]!.messages[0]!;
  await outbox.postpone([{ position, owner: "relay", delayMs: 0, place: "shop", refusal: "no", park: "block" }]);
  await close();
});

const onStores = Object.entries(changes).filter(([, { isOnBroker }]) => isOnBroker !== true);
const onBrokers = Object.entries(changes).filter(([, { isOnBroker }]) => isOnBroker === true);

describe.for(onStores)("once-again %s", ([name, change]) => {
  changeCases(name, change);
});

describeWithServer("on a broker", redisBinary, () => {
  describe.for(onBrokers)("once-again %s", ([name, change]) => {
    changeCases(name, change);
  });
});

function changeCases(name: string, { args, line, isOnBroker = false }: ChangeCase): void {
  let redis: PrivateServer | undefined;
  beforeEach(async () => {
    if (!isOnBroker) return;
    redis = await startRedis();
    const client = new Redis(redis.url);
    await client.xadd("orders", "*", "id", "other", "body", "tea");
    await client.xadd("orders:dead", "*", "id", "letter", "body", "tea");
    client.disconnect();
    return () => redis?.[Symbol.asyncDispose]();
  });
  const run = (...more: string[]) => {
    const place = isOnBroker ? ["--broker", redis!.url] : ["--store", `sqlite:${path}`];
    return runCli([...name.split(" "), ...place, ...args, "--yes", ...more].filter(isTaken));
  };
  /** A command that costs nothing where it is a mistake does not ask. */
  const isTaken = (arg: string): boolean => arg !== "--yes" || !["messages retry", "letters send"].includes(name);

  test("asks for a name and a reason, before it changes anything", async () => {
    for (const note of [[], ["--reason", " "], ["--reason", "why", "--by", " "]]) {
      expect((await run(...note)).code).toBe(exitCodes.usage);
    }
    expect((await run("--by", "ann", "--reason", "INC-12")).code).toBe(exitCodes.fine);
  });

  test("prints a line with time, name, deed and reason, which can't move the cursor", async () => {
    const why = ["--by", "ann", "--reason", "INC-12\u001b[2J"];
    const { stdout } = await run(...why);
    expect(stdout).toMatch(new RegExp(`^20\\d\\d-\\d\\d-\\d\\dT[\\d:.]+Z ann ${line}: INC-12\\\\u\\{1b\\}\\[2J$`, "m"));
  });

  test("with --json prints each change as a line of JSON, and all of them in the document", async () => {
    const { stdout, stderr } = await run("--by", "ann", "--reason", "INC-12", "--json");
    const said = { at: expect.stringMatching(/^20.*Z$/), by: "ann", did: line.split(" ")[0], reason: "INC-12" };
    const change = JSON.parse(stderr) as unknown;
    expect(change).toMatchObject(said);
    expect(JSON.parse(stdout)).toMatchObject({ changes: [change] });
  });
}

describe("the console", () => {
  const bodies: Readonly<Record<string, object>> = {
    "keys/release": { keys: [{ scope: "acme", key: "held", attempt: 1 }] },
    "keys/resolve": {
      ...{ keys: [{ scope: "acme", key: "held", attempt: 1 }], status: 204, contentType: "", body: "" },
      ...{ isEmpty: true, retentionMs: 60_000 },
    },
    "messages/retry": { id: "parked" },
    "messages/discard": { id: "parked" },
  };

  test.for(Object.entries(bodies))(
    "%s asks for a name and a reason, and is noted as it happens",
    async ([route, body]) => {
      const store = sqliteStore({ path });
      const outbox = sqliteOutbox({ path });
      const noted: unknown[] = [];
      const note = (change: unknown): void => void noted.push(change);
      const sections = [keysSection({ store: () => store }, note), messagesSection(outbox, note)];
      const posted = sections.flatMap(({ name, routes }) =>
        Object.keys(routes).flatMap((one) => (one.startsWith("POST ") ? [`${name}/${one.slice(5)}`] : [])),
      );
      expect(posted.toSorted()).toEqual(Object.keys(bodies).toSorted());
      const server = await consoleServer({ sections });
      onTestFinished(async () => {
        await server.close();
        await Promise.all([store.close(), outbox.close()]);
      });
      const ask = async (more: object): Promise<number> => {
        const headers = { authorization: `Bearer ${server.token}`, "content-type": "application/json" };
        const request = { method: "POST", headers, body: JSON.stringify({ ...body, ...more }) };
        return (await fetch(new URL(`/api/${route}`, server.url), request)).status;
      };
      for (const missing of [{}, { author: "ann" }, { reason: "INC-12" }]) expect(await ask(missing)).toBe(400);
      expect(noted).toEqual([]);
      expect(await ask({ author: "ann", reason: "INC-12" })).toBe(200);
      expect(noted).toMatchObject([{ author: "ann", reason: "INC-12" }]);
    },
  );
});
