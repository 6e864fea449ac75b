import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { beforeEach, expect, test } from "vitest";
import {
  type InboxMessage,
  type MessageWork,
  openInbox,
  rejectedError,
} from "../../packages/once-again/src/messaging/inbox/index.ts";
import { exitCodes } from "../../packages/once-again/src/command/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { type CliRun, runCli } from "../support/cli.ts";
import type { ServerBinary } from "../support/servers/binary.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { startFauxqs } from "../support/servers/fauxqs.ts";
import { natsBinary, startNats } from "../support/servers/nats.ts";
import type { PrivateServer } from "../support/servers/private-server.ts";
import { rabbitmqBinary, startRabbitmq } from "../support/servers/rabbitmq.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import {
  type Broker,
  closeLater,
  emptied,
  openJetstream,
  openRabbitmq,
  openRedis,
  openSqs,
  serverOf,
} from "./brokers.ts";

const { fine, bad, usage } = exitCodes;
const { signal } = new AbortController();

/** A broker, and how the command names its places. */
interface Set {
  readonly open: (server: PrivateServer) => Promise<Broker>;
  readonly broker: (server: PrivateServer) => string;
  readonly from: string;
  readonly environment?: (server: PrivateServer) => Record<string, string>;
  /** The size of a large body that the broker takes, bytes. */
  readonly large: number;
}

const awsVariables = ({ url }: PrivateServer): Record<string, string> => ({
  AWS_ENDPOINT_URL_SQS: url,
  AWS_ACCESS_KEY_ID: "none",
  AWS_SECRET_ACCESS_KEY: "none",
});

/** It emulates SQS in a process of Node. */
const fauxqsBinary: ServerBinary = { name: "node", install: "install Node" };

const megabyte = 1_048_576;

const sets: readonly [string, ServerBinary, () => Promise<PrivateServer>, Set][] = [
  [
    "RabbitMQ",
    rabbitmqBinary,
    startRabbitmq,
    { open: openRabbitmq, broker: ({ url }) => url, from: "billing.dead", large: 5 * megabyte },
  ],
  [
    "JetStream",
    natsBinary,
    startNats,
    {
      // Else it drops what is sent again within 2 minutes.
      open: async (server) => {
        await streamsOf(server, (streams) => streams.delete("orders").catch(() => undefined));
        const broker = await openJetstream(server);
        await streamsOf(server, (streams) => streams.update("orders", { duplicate_window: 1e8 }));
        return broker;
      },
      broker: ({ url }) => url,
      from: "dead.billing",
      large: 1.5 * megabyte,
    },
  ],
  [
    "Redis",
    redisBinary,
    startRedis,
    { open: openRedis("ioredis"), broker: ({ url }) => url, from: "orders:dead", large: 5 * megabyte },
  ],
  ...(["", ".fifo"] as const)
    .map(
      (kind) =>
        [
          `SQS${kind}`,
          fauxqsBinary,
          startFauxqs,
          {
            open: openSqs(kind),
            broker: () => "sqs://us-east-1",
            from: `billing-dead${kind}`,
            environment: awsVariables,
            large: 200_000,
          },
        ] as const,
    )
    .map((set) => [...set] as [string, ServerBinary, () => Promise<PrivateServer>, Set]),
];

async function streamsOf(
  { url }: PrivateServer,
  work: (streams: Awaited<ReturnType<typeof jetstreamManager>>["streams"]) => Promise<unknown>,
): Promise<void> {
  const connection = await connect({ servers: url });
  await work((await jetstreamManager(connection)).streams);
  await connection.close();
}

/** An inbox that rejects everything until it is repaired. */
async function consumed(broker: Broker) {
  const inbox = closeLater(openInbox({ store: memoryStore(), consumer: "billing", onError: () => undefined }));
  const effects: InboxMessage[] = [];
  const state = { isRepaired: false };
  const work: MessageWork<undefined> = (message) => {
    if (!state.isRepaired) throw rejectedError("We sell no \u001b[2Jtea.");
    effects.push(message);
  };
  closeLater(await broker.consume(inbox, work));
  return { effects, repair: () => void (state.isRepaired = true) };
}

const message = (id: string, body: string | Uint8Array, headers: Record<string, string> = {}) => ({
  ...{ id, topic: "order.placed", orderingKey: "cart-7", headers, addedAt: Date.now() },
  body: typeof body === "string" ? new TextEncoder().encode(body) : body,
});

const note = ["--by", "ann", "--reason", "INC-12"];

interface Document {
  readonly count: number;
  readonly letters: readonly { readonly id: string; readonly peek: string; readonly bodyBytes: number }[];
}

function suite(start: () => Promise<PrivateServer>, set: Set): void {
  const server = serverOf(start);
  const run = (command: string, ...args: string[]): Promise<CliRun> => {
    const place = ["--broker", set.broker(server()), "--from", set.from];
    return runCli(["letters", command, ...place, ...args], set.environment?.(server()));
  };
  const list = async (): Promise<Document> => {
    const { code, stdout, stderr } = await run("list", "--json");
    expect({ code, stderr }).toEqual({ code: fine, stderr: "" });
    return JSON.parse(stdout) as Document;
  };
  const ids = async (): Promise<string[]> => (await list()).letters.map(({ id }) => id).toSorted();

  let broker: Broker;
  beforeEach(async () => {
    broker = await set.open(server());
  });

  test("a letter goes back as its message was, once, and others stay", async () => {
    const { effects, repair } = await consumed(broker);
    const headers = { "x-tenant": "acme", authorization: "Bearer 7", "dead-letter-source": "elsewhere" };
    await broker.publish(message("order-7", '{"tea":1,"password":"sesame"}\u0007', headers), { signal });
    await broker.publish(message("order-8", new Uint8Array([255, 0, 7])), { signal });
    await emptied(broker);
    // Nothing is removed by a list.
    expect(await ids()).toEqual(["order-7", "order-8"]);
    expect(await ids()).toEqual(["order-7", "order-8"]);
    const shown = await run("list");
    expect(shown).toMatchObject({ code: fine, stderr: "" });
    expect(shown.stdout).toMatch(/rejected +billing +\S+ +1 +3\d +order-7 .*We sell no.*tea/);
    expect(shown.stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(shown.stdout).toContain("(not text)");
    const [letter] = (await list()).letters.filter(({ id }) => id === "order-7");
    expect(letter).toMatchObject({ headers: { "x-tenant": "acme", authorization: "(masked)" }, orderingKey: "cart-7" });

    repair();
    const sent = await run("send", "order-7", ...note);
    expect({ code: sent.code, stderr: sent.stderr }).toEqual({ code: fine, stderr: "" });
    expect(sent.stdout).toMatch(/^20\S+Z ann sent order-7 to \S+: INC-12\n1 letter sent\.\n$/);
    await expect.poll(() => effects.length).toBe(1);
    const [effect] = effects;
    expect(effect).toMatchObject({ id: "order-7", topic: "order.placed", headers: { "x-tenant": "acme" } });
    expect(new TextDecoder().decode(effect!.body)).toBe('{"tea":1,"password":"sesame"}\u0007');
    expect(Object.keys(effect!.headers).filter((name) => name.startsWith("dead-letter-"))).toEqual([]);
    expect(await ids()).toEqual(["order-8"]);
    expect(await run("send", "order-7", ...note)).toMatchObject({
      code: bad,
      stdout: "No letter was sent.\n",
      stderr: expect.stringMatching(/^order-7: It is not among the oldest 100/),
    });
    expect(await run("send", "--all", ...note, "--json")).toMatchObject({ code: fine });
    await expect.poll(() => effects.length).toBe(2);
    expect([...effects[1]!.body]).toEqual([255, 0, 7]);
    expect(await run("send", "--all", ...note)).toEqual({ code: fine, stdout: "No letter was sent.\n", stderr: "" });
    expect((await run("list")).stdout).toMatch(/^No letter is in /);
  });

  test("a command that is killed between the send and the removal sends a letter twice, and its effect is one", async () => {
    const { effects, repair } = await consumed(broker);
    await broker.publish(message("order-7", "tea"), { signal });
    await emptied(broker);
    repair();
    // The trace is written when the send is confirmed, before the letter is removed.
    const dying = "process.stdout.write = () => process.kill(process.pid, 'SIGKILL');";
    const environment = {
      NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --import=data:text/javascript,${encodeURIComponent(dying)}`,
    };
    const place = ["--broker", set.broker(server()), "--from", set.from];
    const killed = await runCli(["letters", "send", ...place, "order-7", ...note], {
      ...set.environment?.(server()),
      ...environment,
    });
    expect(killed).toMatchObject({ code: null, stderr: "" });
    await expect.poll(() => effects.length).toBe(1);
    await emptied(broker);
    if (!set.from.startsWith("billing-")) expect(await ids()).toEqual(["order-7"]);
    expect(await broker.letters()).toHaveLength(set.from.startsWith("billing-") ? 0 : 1);
    expect(effects).toHaveLength(1);
  });

  test("a large letter with hostile headers is listed by its beginning, and sent whole", async () => {
    const { effects, repair } = await consumed(broker);
    const body = new Uint8Array(set.large).fill(0x61);
    const headers = { "x-evil": "\u202e]0;owned", __proto__x: "1", constructor: "2" };
    await broker.publish(message("order-\u202e7", body, headers), { signal });
    await emptied(broker);
    const { stdout } = await run("list");
    expect(stdout).toContain("order-\\u{202e}7");
    expect(stdout.length).toBeLessThan(1000);
    const { letters } = await list();
    expect(letters).toMatchObject([{ bodyBytes: set.large, peek: "a".repeat(1024) }]);
    repair();
    expect(await run("send", "--all", ...note)).toMatchObject({ code: fine, stderr: "" });
    await expect.poll(() => effects.length).toBe(1);
    expect(effects[0]!.body.length).toBe(set.large);
    expect(effects[0]!.headers).toMatchObject(headers);
  });

  test("two commands at once send each letter, and each has one effect", async () => {
    const { effects, repair } = await consumed(broker);
    const all = Array.from({ length: 15 }, (_, index) => `order-${index}`);
    for (const id of all) await broker.publish(message(id, id), { signal });
    await emptied(broker);
    repair();
    for (const { code, stderr } of await Promise.all([1, 2].map(() => run("send", "--all", ...note)))) {
      // JetStream drops the second send of an id, and the letter is removed by the first.
      if (set.from !== "dead.billing") expect({ code, stderr }).toEqual({ code: fine, stderr: "" });
    }
    await expect.poll(() => new globalThis.Set(effects.map(({ id }) => id)).size).toBe(15);
    await emptied(broker);
    expect(effects).toHaveLength(15);
  });

  test("a place that is not there is one sentence, and a target that is not there leaves the letter", async () => {
    const absent = await runCli(
      ["letters", "list", "--broker", set.broker(server()), "--from", "nowhere\u001b[2J"],
      set.environment?.(server()),
    );
    expect(absent).toMatchObject({ code: usage, stdout: "" });
    expect(absent.stderr).toMatch(/^error: [^\p{Cc}]+\n$/u);
    await consumed(broker);
    await broker.publish(message("order-7", "tea"), { signal });
    await emptied(broker);
    const lost = await run("send", "--all", "--to", "nowhere", ...note);
    expect(lost.code).not.toBe(fine);
    expect(lost.stderr).not.toBe("");
    expect(await ids()).toEqual(["order-7"]);
  });
}

for (const [name, binary, start, set] of sets) {
  describeWithServer(`dead letters in ${name}`, binary, () => {
    suite(start, set);
  });
}

describeWithServer("a quorum queue of dead letters", rabbitmqBinary, () => {
  const server = serverOf(startRabbitmq);

  test("has its letters after any number of looks", async () => {
    const broker = await openRabbitmq(server());
    await consumed(broker);
    await broker.publish(message("order-7", "tea", { "x-tenant": "acme" }), { signal });
    await emptied(broker);
    const place = ["--broker", server().url, "--from", "billing.dead"];
    for (let look = 0; look < 25; look += 1) {
      const { stdout } = await runCli(["letters", "list", ...place, "--json"]);
      const { letters } = JSON.parse(stdout) as { letters: unknown[] };
      expect(letters, `look ${look}`).toMatchObject([
        { id: "order-7", reason: "rejected", headers: { "x-tenant": "acme" }, bodyBytes: 3 },
      ]);
    }
  });
});

describeWithServer("a stream that knows an id still", natsBinary, () => {
  const server = serverOf(() => startNats());

  test("takes no letter of it, so the letter stays", async () => {
    const broker = await openJetstream(server());
    const { repair } = await consumed(broker);
    await broker.publish(message("order-7", "tea"), { signal });
    await emptied(broker);
    repair();
    const place = ["--broker", server().url, "--from", "dead.billing"];
    const { code, stderr } = await runCli(["letters", "send", ...place, "--all", ...note]);
    expect({ code, stderr }).toEqual({ code: bad, stderr: expect.stringContaining("duplicate_window") });
    expect(await broker.letters()).toHaveLength(1);
  });
});

test.for(["amqp", "kafka", "nats", "redis"])("%s: a broker that is away or silent is one sentence", async (scheme) => {
  // It takes connections, and says nothing.
  const silent = createServer((socket) => void socket.resume().on("error", () => undefined)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const ask = (secret: string) =>
    runCli(["letters", "list", "--broker", `${scheme}://shop:${secret}@127.0.0.1:${port}`, "--from", "dead"]);
  const began = performance.now();
  const quiet = await ask("sesame");
  expect(performance.now() - began).toBeLessThan(15_000);
  silent.close();
  await once(silent, "close");
  for (const { code, stdout, stderr } of [quiet, await ask("sesame")]) {
    expect({ code, stdout }).toEqual({ code: usage, stdout: "" });
    expect(stderr).toMatch(scheme === "kafka" ? /^error: .+\n$/m : /^error: .+\n$/);
    expect(stderr).not.toContain("sesame");
  }
});

test.for([
  [["list"], "--broker"],
  [["list", "--broker", "amqp://localhost"], "--from"],
  [["list", "--broker", "http://user:sesame@localhost", "--from", "dead"], "must be one of"],
  [["send", "--broker", "amqp://localhost", "--from", "dead", ...note], "--all"],
  [["send", "--broker", "amqp://localhost", "--from", "dead", "--all", "order-7", ...note], "--all"],
  [["send", "--broker", "amqp://localhost", "--from", "dead", "--all", "--by", "ann"], "--reason"],
] satisfies [string[], string][])("letters %j is wrong usage", async ([args, words]) => {
  const { code, stdout, stderr } = await runCli(["letters", ...args]);
  expect({ code, stdout }).toEqual({ code: usage, stdout: "" });
  expect(stderr).toContain(words);
  expect(stderr).not.toContain("sesame");
});
