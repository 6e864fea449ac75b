import { expect, onTestFinished, test } from "vitest";
import { memoryStore } from "../../../stores/memory/index.ts";
import { bullmqProcessor, consumeJetstream, consumeRabbitmq, consumeRedisStreams, openInbox } from "../index.ts";

// As it is called from plain JavaScript: without the work, every message would be a dead letter.

function newInbox() {
  const inbox = openInbox({ store: memoryStore(), consumer: "billing" });
  onTestFinished(() => inbox.close());
  return inbox;
}
const noWork = undefined as never;
const refused = { code: "ONCE_OPTION_INVALID", details: { option: "work" } };

test("an inbox without a work decides nothing, and says so", async () => {
  const inbox = newInbox();
  const message = { id: "1", topic: "orders", body: new Uint8Array([1]), headers: {} };
  await expect(inbox.handle(message, noWork)).rejects.toMatchObject(refused);
  expect(await inbox.handle(message, () => undefined)).toEqual({ action: "acknowledge", isRepeat: false });
});

test.for([undefined, null, "text"])("%s is no message", async (message) => {
  const handled = newInbox().handle(message as never, () => undefined);
  await expect(handled).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID", details: { option: "message" } });
});

test("no consumer begins without a work", async () => {
  const inbox = newInbox();
  const connection = { createConfirmChannel: () => undefined } as never;
  await expect(consumeRabbitmq(connection, { inbox, queue: "orders" }, noWork)).rejects.toMatchObject(refused);
  const source = { consume: () => undefined } as never;
  const options = { inbox, deadLetterSubject: "dead" } as never;
  await expect(consumeJetstream(source, options, noWork)).rejects.toMatchObject(refused);
  await expect(consumeRedisStreams({} as never, { inbox, stream: "s" }, noWork)).rejects.toMatchObject(refused);
  expect(() => bullmqProcessor({ inbox }, noWork)).toThrow(expect.objectContaining(refused));
});
