import { setTimeout } from "node:timers/promises";
import { AckPolicy, jetstream, type jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { expect, onTestFinished, test } from "vitest";
import {
  consumeJetstream,
  type MessageWork,
  openInbox,
  rejectedError,
} from "../../packages/once-again/src/messaging/inbox/index.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { natsBinary, startNats } from "../support/servers/nats.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { closeLater, emptied, jetstreamOf, serverOf } from "./brokers.ts";

describeWithServer("what JetStream has lost", natsBinary, () => {
  const server = serverOf(() => startNats());
  const connectLater = async () => closeLater(await connect({ servers: server().url }));

  test("a message that is a dead letter once more, soon after it was sent again, is not lost", async () => {
    const connection = await connectLater();
    const manager = await jetstreamOf(connection);
    onTestFinished(async () => void (await manager.streams.delete("orders")));
    // It may be sent again soon; the dead letters' stream has the window of JetStream's default, 2 minutes.
    await manager.streams.update("orders", { duplicate_window: 1e8 });
    const client = jetstream(connection);
    const inbox = closeLater(openInbox({ store: memoryStore(), consumer: "billing", onError: () => undefined }));
    let runs = 0;
    const work: MessageWork<undefined> = () => {
      runs += 1;
      throw rejectedError("We sell no tea.");
    };
    const options = { inbox, jetstream: client, headers, deadLetterSubject: "dead.billing" };
    closeLater(await consumeJetstream(await client.consumers.get("orders", "billing"), options, work));
    const letters = async () => (await manager.streams.info("dead")).state.messages;
    for (const count of [1, 2]) {
      for (let isStored = false; !isStored;) {
        isStored = !(await client.publish("orders.placed", "tea", { msgID: "order-7" })).duplicate;
        await setTimeout(10);
      }
      await expect.poll(() => runs).toBeGreaterThanOrEqual(count);
      await expect.poll(() => unacknowledged(manager)).toBe(0);
      expect(await letters()).toBe(count);
    }
  });

  async function unacknowledged(manager: Awaited<ReturnType<typeof jetstreamManager>>): Promise<number> {
    const { num_pending: pending, num_ack_pending: taken } = await manager.consumers.info("orders", "billing");
    return pending + taken;
  }

  test.for([true, false])(
    "a stream that is made anew while it is consumed, by a mark: %s, is noticed, and its messages have their effect",
    async (highWaterMark) => {
      const connection = await connectLater();
      const more = { max_ack_pending: 1 };
      const manager = await jetstreamOf(connection, more);
      const client = jetstream(connection);
      const store = closeLater(sqliteStore({ path: `${temporaryFolder()}/marks.db` }));
      const inbox = closeLater(
        openInbox({ mode: "transactional", store, consumer: "billing", onError: () => undefined }),
      );
      const [effects, errors]: [string[], string[]] = [[], []];
      const options = { inbox, jetstream: client, headers, deadLetterSubject: "dead.billing", highWaterMark };
      const source = await client.consumers.get("orders", "billing");
      const onError = (error: unknown) => void errors.push(String(error));
      const names = { onError, id: ({ data }: { data: Uint8Array }) => new TextDecoder().decode(data) };
      const work = ({ body }: { body: Uint8Array }) => void effects.push(new TextDecoder().decode(body));
      closeLater(await consumeJetstream(source, { ...options, ...names }, work));
      for (const body of ["1", "2", "3"]) await client.publish("orders.placed", body);
      while (effects.length < 3) await setTimeout(10);
      await manager.streams.delete("orders");
      await manager.streams.add({ name: "orders", subjects: ["orders.>"] });
      await manager.consumers.add("orders", { durable_name: "billing", ack_policy: AckPolicy.Explicit, ...more });
      for (const body of ["4", "5"]) await client.publish("orders.placed", body);
      while (effects.length < 5) await setTimeout(10);
      await emptied({ waiting: () => unacknowledged(manager) });
      expect(effects).toEqual(["1", "2", "3", "4", "5"]);
      expect((await manager.streams.info("dead")).state.messages).toBe(0);
      // With a mark, a message of the new stream may come before the server's word that the old one is gone.
      expect(errors.join("\n")).toMatch(highWaterMark ? /made anew/ : /gone/);
    },
  );
});
