import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { intentsBench } from "../../../../test/support/intents-bench.ts";
import { answer, hang } from "../../../../test/support/scripted-server.ts";
import type { IntentStore } from "../stores/intent-store.ts";
import { onceMutation, onceMutationFn } from "./once-mutation.ts";

const declined = answer(402, { "idempotency-status": "executed" }, "declined");
const lost = answer(500, { "idempotent-replayed": "true" });

describe("a mutation that happens once", () => {
  test("is idle, pending and done, and a second press joins the first", async () => {
    const { server, opened, order } = await intentsBench();
    const pay = onceMutation(opened().intents, "pay 42");
    const states: string[] = [pay.current().state];
    pay.subscribe(() => states.push(pay.current().state));
    await expect.poll(() => pay.current().state).toBe("idle");
    const ends = await Promise.all([pay.mutate(order()), pay.mutate(order())]);
    expect(ends.map(({ state }) => state)).toEqual(["done", "done"]);
    expect(await pay.mutate(order())).toMatchObject({ state: "done" });
    expect(states.slice(0, 4)).toEqual(["loading", "idle", "pending", "done"]);
    expect(pay.current()).toMatchObject({ state: "done", answer: { status: 200 }, intent: { id: "pay 42" } });
    expect(server.received).toHaveLength(1);
  });

  test("goes on after a reload, and shows what an earlier life left", async () => {
    const { server, opened, order } = await intentsBench();
    server.script.push(hang);
    const first = opened();
    void onceMutation(first.intents, "pay 42")
      .mutate(order())
      .catch(() => undefined);
    await expect.poll(() => server.received.length).toBe(1);
    await first.intents.close();
    const again = onceMutation(opened().intents, "pay 42");
    again.subscribe(() => undefined);
    await expect.poll(() => again.current().state).toBe("done");
    const later = onceMutation(opened().intents, "pay 42");
    later.subscribe(() => undefined);
    await expect.poll(() => later.current().state).toBe("done");
    expect(new Set(server.received.map(({ key }) => key)).size).toBe(1);
  });

  test("after a failure is a new try with a new key, which two tabs share", async () => {
    const { server, opened, order } = await intentsBench();
    server.script.push(declined);
    const tabs = [onceMutation(opened().intents, "pay 42"), onceMutation(opened().intents, "pay 42")];
    expect(await tabs[0]!.mutate(order())).toMatchObject({ state: "failed", answer: { status: 402 } });
    expect(tabs[0]!.current()).toMatchObject({ state: "failed", why: "answered" });
    const card = order({ body: '{"card":"another"}' });
    const ends = await Promise.all(tabs.map((tab) => tab.mutate(card)));
    expect(ends.map(({ state }) => state)).toEqual(["done", "done"]);
    expect(server.received.map(({ body }) => body)).toEqual([order().body, card.body]);
    expect(new Set(server.received.map(({ key }) => key)).size).toBe(2);
    expect(tabs[1]!.current()).toMatchObject({ intent: { id: "pay 42#try2" } });
  });

  test("is not tried anew because its first tries were forgotten", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened();
    for (let failures = 0; failures < 12; failures += 1) server.script.push(declined);
    for (let tries = 0; tries < 12; tries += 1) await onceMutation(intents, "pay 42").mutate(order());
    expect(await onceMutation(intents, "pay 42").mutate(order())).toMatchObject({ state: "done" });
    for (const { id, state } of await intents.list()) if (state === "failed") await intents.forget(id);
    expect(await onceMutation(intents, "pay 42").mutate(order())).toMatchObject({ state: "done" });
    expect(server.received).toHaveLength(13);
    expect(await onceMutation(intents, "pay 4").mutate(order())).toMatchObject({ state: "done" });
    expect(server.received).toHaveLength(14);
  });

  test("with an unknown outcome is not tried again until a person has settled it", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened();
    server.script.push(lost);
    const pay = onceMutation(intents, "pay 42");
    expect(await pay.mutate(order())).toMatchObject({ state: "unknown" });
    expect(await pay.mutate(order())).toMatchObject({ state: "unknown" });
    expect(pay.current()).toMatchObject({ state: "unknown", why: "answered" });
    expect(server.received).toHaveLength(1);
    await intents.settle("pay 42", { state: "failed" });
    expect(await pay.mutate(order())).toMatchObject({ state: "done" });
    expect(server.received).toHaveLength(2);
  });

  test("that is refused says why, and sends nothing", async () => {
    const { server, opened, order } = await intentsBench();
    const pay = onceMutation(opened().intents, "pay 42");
    const secret = order({ headers: { authorization: "Bearer secret" } });
    await expect(pay.mutate(secret)).rejects.toMatchObject({ code: "ONCE_INTENT_SECRET" });
    expect(pay.current()).toMatchObject({ state: "idle", error: { code: "ONCE_INTENT_SECRET" } });
    expect(await pay.mutate(order())).toMatchObject({ state: "done" });
    expect(server.received).toHaveLength(1);
  });

  test("is another than one with a number behind its name", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened();
    expect(await onceMutation(intents, "pay 42#2").mutate(order())).toMatchObject({ state: "done" });
    const pay = onceMutation(intents, "pay 42");
    pay.subscribe(() => undefined);
    await expect.poll(() => pay.current().state).toBe("idle");
    expect(await pay.mutate(order())).toMatchObject({ state: "done" });
    expect(server.received).toHaveLength(2);
  });

  test("with a request that can't be made shows why, and one that is made later is sent", async () => {
    const { server, opened, order } = await intentsBench();
    const pay = onceMutation(opened().intents, "pay 42");
    const missing = (): never => {
      throw new RangeError("no order yet");
    };
    await expect(pay.mutate(missing)).rejects.toThrow("no order yet");
    expect(pay.current()).toMatchObject({ state: "idle", error: new RangeError("no order yet") });
    expect(await pay.mutate(() => order())).toMatchObject({ state: "done" });
    expect(server.received).toHaveLength(1);
  });

  test("is sent although a listener throws", async () => {
    const { server, opened, order } = await intentsBench();
    const pay = onceMutation(opened().intents, "pay 42");
    const states: string[] = [];
    pay.subscribe(() => {
      throw new Error("the view was removed");
    });
    pay.subscribe(() => states.push(pay.current().state));
    expect(await pay.mutate(order())).toMatchObject({ state: "done" });
    expect(states).toContain("done");
    expect(server.received).toHaveLength(1);
  });

  test.each([
    ["can't be read any more", () => Promise.reject(new Error("the disk is gone"))],
    ["was forgotten at once", () => Promise.resolve(undefined)],
  ])("with an end that %s has the outcome all the same, and is not pending for ever", async (_, inspect) => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened();
    let looks = 0;
    const pay = onceMutation(
      { ...intents, inspect: (id) => ((looks += 1) === 1 ? intents.inspect(id) : inspect()) },
      "pay 42",
    );
    expect(await pay.mutate(order())).toMatchObject({ state: "done" });
    expect(pay.current()).toMatchObject({ state: "done", intent: undefined });
    expect(server.received).toHaveLength(1);
  });

  describe("with a store that loses its intents, as when a site's data are cleared,", () => {
    /** Removes all that is stored, pending or not, by another connection. */
    const clear = (path: string): void => {
      const database = new DatabaseSync(path);
      database.exec("DELETE FROM once_again_intents");
      database.close();
    };

    test("is unknown, and the next press asks with the same key, in doubt", async () => {
      const { path, server, opened, order } = await intentsBench();
      const { intents, events } = opened();
      server.script.push(hang, answer(201, { "idempotent-replayed": "true" }, "made"));
      const pay = onceMutation(intents, "pay 42");
      const press = pay.mutate(order()).catch((error: unknown) => error);
      await expect.poll(() => server.received.length).toBe(1);
      clear(path);
      expect(await press).toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN" });
      expect(pay.current()).toMatchObject({ state: "unknown", why: "lost", intent: undefined, error: await press });
      expect(await pay.mutate(order())).toMatchObject({ state: "done" });
      expect(pay.current()).toMatchObject({ state: "done", answer: { status: 201 } });
      expect(new Set(server.received.map(({ key }) => key)).size).toBe(1);
      const claims = events.filter((event) => event.type === "sending");
      expect(claims.map(({ inDoubt }) => inDoubt)).toEqual([false, true]);
    });

    test("does not believe a refusal that says nothing of the first sending", async () => {
      const { path, server, opened, order } = await intentsBench();
      const { intents } = opened();
      server.script.push(hang, answer(403));
      const press = intents.submit("pay 42", order()).catch((error: unknown) => error);
      await expect.poll(() => server.received.length).toBe(1);
      clear(path);
      await press;
      expect(await intents.submit("pay 42", order())).toMatchObject({ state: "unknown", answer: { status: 403 } });
    });

    test("is not sent again to a server that is not known to honour keys", async () => {
      const { path, server, opened, order } = await intentsBench();
      const pay = onceMutation(opened({ keys: undefined }).intents, "pay 42");
      server.script.push(hang);
      const press = pay.mutate(order()).catch((error: unknown) => error);
      await expect.poll(() => server.received.length).toBe(1);
      clear(path);
      await press;
      expect(await pay.mutate(order())).toMatchObject({ state: "unknown", why: "keys" });
      expect(server.received).toHaveLength(1);
    });

    test("takes no other request for the same id", async () => {
      const { path, server, opened, order } = await intentsBench();
      const pay = onceMutation(opened().intents, "pay 42");
      server.script.push(hang);
      const press = pay.mutate(order()).catch((error: unknown) => error);
      await expect.poll(() => server.received.length).toBe(1);
      clear(path);
      await press;
      await expect(pay.mutate(order({ body: "another card" }))).rejects.toMatchObject({ code: "ONCE_INTENT_CONFLICT" });
      expect(pay.current()).toMatchObject({ state: "unknown", why: "lost" });
      const missing = (): never => {
        throw new RangeError("no order yet");
      };
      await expect(pay.mutate(missing)).rejects.toThrow("no order yet");
      expect(pay.current()).toMatchObject({ state: "unknown", why: "lost" });
      expect(server.received).toHaveLength(1);
    });

    test("joins what is done, also by a component that comes later", async () => {
      const { path, server, opened, order } = await intentsBench();
      const { intents } = opened();
      server.script.push(declined);
      const first = onceMutation(intents, "pay 42");
      await first.mutate(order());
      expect(await first.mutate(order({ body: "another card" }))).toMatchObject({ state: "done" });
      clear(path);
      const later = onceMutation(intents, "pay 42");
      expect(await later.mutate(order({ body: "another card" }))).toMatchObject({ state: "done" });
      const keys = server.received.map(({ key }) => key);
      expect([keys.length, new Set(keys).size, keys[2]]).toEqual([3, 2, keys[1]]);
    });

    test("is a new request once it was forgotten by name, or its retention is over", async () => {
      const { path, server, opened, order } = await intentsBench();
      const { intents } = opened();
      await intents.submit("pay 42", order());
      await intents.forget("pay 42");
      await intents.submit("pay 42", order());
      const short = opened({ retentionMs: 0 }).intents;
      await short.submit("pay 43", order());
      clear(path);
      await short.submit("pay 43", order());
      expect(new Set(server.received.map(({ key }) => key)).size).toBe(4);
    });
  });

  test("that is closed before its end is unknown, and one that is refused at once is not", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened();
    server.script.push(hang);
    const pay = onceMutation(intents, "pay 42");
    const press = pay.mutate(order()).catch((error: unknown) => error);
    await expect.poll(() => server.received.length).toBe(1);
    await intents.close();
    expect(await press).toMatchObject({ code: "ONCE_CLOSED" });
    expect(pay.current()).toMatchObject({ state: "unknown", why: "lost", error: { code: "ONCE_CLOSED" } });
  });

  test("with a press that its store never acknowledges is unknown, and the next press has its key", async () => {
    const { server, opened, openedStore, order } = await intentsBench();
    const store = openedStore();
    let isLost = true;
    const forgetful: IntentStore = {
      ...store,
      async add(request) {
        const added = await store.add(request);
        if (isLost) throw new Error("the acknowledgement was lost");
        return added;
      },
    };
    const pay = onceMutation(opened({ store: forgetful }).intents, "pay 42");
    await expect(pay.mutate(order())).rejects.toMatchObject({ code: "ONCE_STORE_UNAVAILABLE" });
    expect(pay.current()).toMatchObject({ state: "unknown", why: "lost" });
    isLost = false;
    expect(await pay.mutate(order())).toMatchObject({ state: "done" });
    expect(server.received).toHaveLength(1);
  });

  test.for(["", "x".repeat(241), 7 as never])("takes no id such as %o", async (id) => {
    const { opened } = await intentsBench();
    expect(() => onceMutation(opened().intents, id)).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
  });
});

describe("a function for other libraries", () => {
  test("resolves with the answer, also when it is called again", async () => {
    const { server, opened, order } = await intentsBench();
    server.script.push(answer(201, {}, "made"));
    const make = onceMutationFn(opened().intents, { id: (item: string) => item, request: () => order() });
    for (const end of [await make("tea"), await make("tea")]) {
      expect([end.status, new TextDecoder().decode(end.body)]).toEqual([201, "made"]);
    }
    expect(server.received).toHaveLength(1);
  });

  test("rejects where nothing happened, and where that is unknown, by different errors", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened();
    server.script.push(declined, lost, lost);
    const make = onceMutationFn(intents, { id: (item: string) => item, request: () => order() });
    await expect(make("tea")).rejects.toMatchObject({ code: "ONCE_NO_EFFECT", details: { status: 402 } });
    await expect(make("milk")).rejects.toMatchObject({ code: "ONCE_OUTCOME_UNKNOWN", details: { why: "answered" } });
    const own = onceMutationFn(intents, {
      id: (item: string) => item,
      request: () => order(),
      toError: ({ state }, item) => new RangeError(`${item} ${state}`),
    });
    await expect(own("milk")).rejects.toThrow(new RangeError("milk unknown"));
    expect(server.received).toHaveLength(2);
  });

  test("needs a request and an id", async () => {
    const { opened } = await intentsBench();
    expect(() => onceMutationFn(opened().intents, { id: String } as never)).toThrow(/request must be a function/);
  });
});
