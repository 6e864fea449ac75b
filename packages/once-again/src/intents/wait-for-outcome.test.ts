import { describe, expect, test } from "vitest";
import { intentsBench } from "../../../../test/support/intents-bench.ts";
import { answer, reset, scriptedServer } from "../../../../test/support/scripted-server.ts";
import { serverPort } from "../../../../test/support/servers/server-port.ts";
import { retryingFetch } from "../client/retrying-fetch.ts";
import type { IntentEvent } from "./intent-event.ts";

const text = (body: Uint8Array): string => new TextDecoder().decode(body);

/** Sent once, and put off for longer than it has. */
const sentOnce = { giveUpAfterMs: 3_600_000, resumeBackoff: () => 7_200_000 };

async function postponed(events: readonly IntentEvent[], count: number): Promise<IntentEvent[]> {
  const found = (): IntentEvent[] => events.filter(({ type }) => type === "postponed");
  await expect.poll(found).toHaveLength(count);
  return found();
}

describe("how it ends", () => {
  test("refused: failed; refused while in doubt: unknown, and either way not sent again", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened();
    server.script.push(answer(422, {}, "no such item"));
    const failed = await intents.submit("a", order());
    expect(failed).toMatchObject({ state: "failed", why: "answered", answer: { status: 422 } });
    expect(text(failed.state === "failed" && failed.why === "answered" ? failed.answer.body : new Uint8Array())).toBe(
      "no such item",
    );
    server.script.push(reset, answer(404));
    expect(await intents.submit("b", order())).toMatchObject({ state: "unknown", why: "answered" });
    expect(await intents.list({ state: "unknown" })).toMatchObject([{ id: "b", answer: { status: 404 } }]);
    expect(server.received).toHaveLength(3);
  });

  test("the answer of a redirect's target is not taken for the operation's own", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents, events } = opened({ timeoutMs: 30_000 });
    server.script.push(answer(303, { location: "/orders/1" }), answer(404));
    expect(await intents.submit("gone", order())).toMatchObject({ state: "unknown", answer: { status: 404 } });
    expect(server.received).toHaveLength(2);
    const busy = [answer(303, { location: "/orders/1" }), answer(503, { "retry-after": "60" })];
    server.script.push(...busy);
    await intents.add("busy", order());
    expect(await postponed(events, 1)).toMatchObject([{ id: "busy", inDoubt: true }]);
  });

  test("a redirect is followed without the secrets of the origin, and a target that is gone proves nothing", async () => {
    const { server, opened, order, letTimePass } = await intentsBench();
    const other = await scriptedServer();
    const { intents, events } = opened({
      ...sentOnce,
      headersAtSend: () => ({ authorization: "Bearer secret" }),
      trustRedirects: true,
    });
    server.script.push(answer(303, { location: other.url }));
    other.script.push(answer(200, {}, "elsewhere"));
    expect(await intents.submit("moved", order())).toMatchObject({ state: "done", answer: { status: 200 } });
    expect(other.received).toMatchObject([{ method: "GET", authorization: "undefined", body: "" }]);
    server.script.push(...Array.from({ length: 2 }, () => answer(303, { location: "http://no.such.invalid/" })));
    const gone = intents.submit("gone", order());
    await postponed(events, 1);
    letTimePass(sentOnce.giveUpAfterMs);
    expect(await gone).toEqual({ state: "unknown", why: "time" });
  });

  test("over a fetch that tries again by itself, an effect that was made never ends as failed", async () => {
    const { server, opened, order, letTimePass } = await intentsBench();
    const own = { attemptsMax: 2, backoff: () => 0, budget: "off" } as const;
    const closed = await serverPort();
    let calls = 0;
    const refusedLater: typeof fetch = (input, init) => {
      calls += 1;
      return fetch(calls === 1 ? input : `http://127.0.0.1:${closed}/`, init);
    };
    // The order is made and its response lost; from then on the server refuses connections.
    server.script.push(reset);
    const { intents, events } = opened({ ...sentOnce, fetch: retryingFetch({ ...own, fetch: refusedLater }) });
    const outcome = intents.submit("a", order());
    await postponed(events, 1);
    letTimePass(sentOnce.giveUpAfterMs);
    expect(await outcome).toEqual({ state: "unknown", why: "time" });
    expect(server.received).toHaveLength(1);
  });

  test("a response of an unregistered status is stored as it is", async () => {
    const { opened, order } = await intentsBench();
    const odd = { status: 999, headers: new Headers(), body: null, redirected: false } as Response;
    const { intents } = opened({ fetch: async () => odd });
    expect(await intents.submit("a", order())).toMatchObject({ state: "unknown", answer: { status: 999 } });
  });

  test("a long answer is cut off and marked", async () => {
    const { server, opened, order } = await intentsBench();
    const { intents } = opened({ answerBytesMax: 10 });
    server.script.push(answer(201, {}, "x".repeat(11)));
    const { answer: stored } = (await intents.submit("a", order())) as { answer: { body: Uint8Array } };
    expect(stored).toMatchObject({ truncated: true });
    expect(text(stored.body)).toBe("x".repeat(10));
  });

  test("its time over: unknown when an attempt may have got through, failed when none can have", async () => {
    const { server, opened, order, letTimePass } = await intentsBench();
    const { intents, events } = opened({
      ...sentOnce,
      headersAtSend: ({ id }) => (id === "unsent" ? expect.fail("no token") : {}),
    });
    server.script.push(reset, reset);
    const [doubtful, unsent] = ["doubtful", "unsent"].map((id) => intents.submit(id, order()));
    await postponed(events, 2);
    letTimePass(sentOnce.giveUpAfterMs);
    expect(await doubtful).toEqual({ state: "unknown", why: "time" });
    expect(await unsent).toEqual({ state: "failed", why: "time" });
    expect(await intents.submit("doubtful", order())).toEqual({ state: "unknown", why: "time" });
    expect(new Set(server.received.map(({ key }) => key)).size).toBe(1);
  });
});

test("who stops waiting does not stop the intent", async () => {
  const { server, opened, order } = await intentsBench();
  const { intents } = opened();
  server.script.push(reset, reset, reset);
  const waiting = new AbortController();
  const submitted = intents.submit("a", order(), { signal: waiting.signal });
  waiting.abort(new Error("enough"));
  await expect(submitted).rejects.toThrow("enough");
  await expect(intents.submit("b", order(), { signal: waiting.signal })).rejects.toThrow("enough");
  await intents.resume();
  expect(await intents.list()).toMatchObject([{ id: "a", state: "done" }]);
});
