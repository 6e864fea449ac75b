import { setTimeout } from "node:timers/promises";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { consumeRedisStreams, openInbox } from "../../packages/once-again/src/messaging/inbox/index.ts";
import { entriesOf, senderOf } from "../../packages/once-again/src/messaging/inbox/consumers/redis-entries.ts";
import { redisGroup } from "../../packages/once-again/src/messaging/inbox/consumers/redis-group.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { redisBinary, startRedis } from "../support/servers/redis.ts";
import { closeLater, serverOf } from "./brokers.ts";

describeWithServer("a group of consumers in Redis", redisBinary, () => {
  const server = serverOf(() => startRedis());

  async function openShop() {
    const client = new Redis(server().url);
    onTestFinished(() => client.disconnect());
    await client.flushall();
    const [effects, errors]: [string[], string[]] = [[], []];
    // Nothing is remembered: what is delivered again has an effect again.
    const consume = async (more: { name?: string; onRun?: (id: string) => Promise<void> } = {}) => {
      const { onRun, ...names } = more;
      const inbox = closeLater(openInbox({ store: memoryStore(), consumer: "billing", onError: () => undefined }));
      const onError = (error: unknown) => void errors.push(String(error));
      const options = { inbox, stream: "orders", pollMs: 5, claimIdleMs: 60_000, onError, ...names };
      return closeLater(
        await consumeRedisStreams(client, options, async ({ id }) => {
          await onRun?.(id);
          effects.push(id);
        }),
      );
    };
    const send = (id: string, entryId = "*") => client.xadd("orders", entryId, "id", id, "body", "tea");
    const effect = async (id: string): Promise<void> => {
      while (!effects.includes(id)) await setTimeout(5);
    };
    const consumers = async (): Promise<string[]> =>
      ((await client.xinfo("CONSUMERS", "orders", "billing")) as unknown[][]).map(([, name]) => String(name));
    /** Until the consumer has looked how far the group is. */
    const looked = async (): Promise<void> => {
      const calls = async () =>
        Number(/cmdstat_xinfo\|groups:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);
      const before = await calls();
      while ((await calls()) < before + 2) await setTimeout(20);
    };
    return { client, effects, errors, consume, send, effect, consumers, looked };
  }

  test("that vanishes with its stream is made again, and the entries of the new stream have their effects", async () => {
    const { client, effects, errors, consume, send, effect, looked } = await openShop();
    await consume();
    await send("1", "5-1");
    await effect("1");
    await looked();
    // As after FLUSHALL, or a restart without persistence.
    await client.del("orders");
    // Its ids are below those of before.
    await send("2", "3-1");
    await effect("2");
    expect(effects).toEqual(["1", "2"]);
    expect(errors.join("\n")).toMatch(/NOGROUP.*\n.*The group billing .* was made anew, and begins after 0\./);
  });

  test("that vanishes alone is made again where everything before was acknowledged", async () => {
    const { client, effects, consume, send, effect, looked } = await openShop();
    await consume();
    for (const id of ["1", "2"]) await send(id);
    await effect("2");
    await looked();
    await client.xgroup("DESTROY", "orders", "billing");
    await send("3");
    await effect("3");
    expect(effects).toEqual(["1", "2", "3"]);
  });

  test("that vanishes with an entry in hand is made again before that entry", async () => {
    const { client, effects, consume, send, effect, looked } = await openShop();
    const held = Promise.withResolvers<void>();
    let runs = 0;
    await consume({ onRun: async (id) => (id === "2" && (runs += 1) === 1 ? held.promise : undefined) });
    for (const id of ["1", "2", "3"]) await send(id);
    await effect("3");
    await looked();
    await client.xgroup("DESTROY", "orders", "billing");
    await send("4");
    await effect("4");
    held.resolve();
    await effect("2");
    expect(
      effects.filter((id) => id === "1"),
      "acknowledged before",
    ).toEqual(["1"]);
    expect(new Set(effects)).toEqual(new Set(["1", "2", "3", "4"]));
  });

  test("is left by consumers that close, and those that died with nothing in hand are removed", async () => {
    const { client, effects, consume, send, effect, consumers } = await openShop();
    for (const name of ["one", "other"]) {
      const consumer = await consume({ name });
      await send(name);
      await effect(name);
      expect(await consumers()).toContain(name);
      await consumer.close();
    }
    expect(await consumers()).toEqual([]);
    await send("held");
    await client.xreadgroup("GROUP", "billing", "holding", "COUNT", 1, "STREAMS", "orders", ">");
    for (const name of ["dead", "gone"]) await client.xgroup("CREATECONSUMER", "orders", "billing", name);
    const group = redisGroup(senderOf(client), { stream: "orders", group: "billing" });
    await group.tidy();
    expect(await consumers(), "an hour is not over").toHaveLength(3);
    await group.tidy("gone");
    await group.tidy("", 0);
    expect(await consumers(), "it has an entry").toEqual(["holding"]);
    expect((await client.xpending("orders", "billing"))[0]).toBe(1);
    expect(effects).toEqual(["one", "other"]);
  });

  test("leaves an entry that another process has claimed meanwhile to that", async () => {
    const { client, send } = await openShop();
    const member = (name: string) =>
      entriesOf(senderOf(client), { stream: "orders", group: "billing", name, claimIdleMs: 0 });
    const owners = async (): Promise<unknown[]> =>
      ((await client.xpending("orders", "billing", "-", "+", 10)) as unknown[][]).map(([, owner]) => owner);
    await send("1");
    await client.xgroup("CREATE", "orders", "billing", "0");
    const [slow, quick] = [member("slow"), member("quick")];
    const [entry] = await slow.read(1);
    await slow.keep(entry!);
    expect(await owners()).toEqual(["slow"]);
    expect((await quick.claim(1)).entries).toHaveLength(1);
    await slow.keep(entry!);
    await slow.giveBack(entry!, 1);
    expect(await owners()).toEqual(["quick"]);
    await quick.giveBack(entry!, 2);
    expect(await owners()).toEqual(["given-back"]);
    expect(await quick.deliveries(entry!)).toBe(1);
  });
});
