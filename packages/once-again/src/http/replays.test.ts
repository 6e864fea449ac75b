import { describe, expect, onTestFinished, test } from "vitest";
import { insertOrder } from "../../../../test/support/app-database.ts";
import { ask, type Asked, bytes, handlersOwn, httpRequest } from "../../../../test/support/http-bench.ts";
import { ordering, transactionalRoute as transactional } from "../../../../test/support/transactional-route.ts";
import { memoryStore } from "../stores/memory/index.ts";
import type { ServerEvent } from "../engine/server-event.ts";
import type { HttpHandler, HttpResponse } from "./response.ts";
import type { LeasedHttpOptions } from "./http-options.ts";
import { onceHttp } from "./handle-request.ts";

const never = (): never => expect.fail("ran again");
const rerun = { action: "rerun", acknowledgeDuplicates: true } as const;

function leased(options: Partial<LeasedHttpOptions<string>> = {}) {
  const errors: unknown[] = [];
  const events: ServerEvent[] = [];
  const once = onceHttp<string>({
    store: memoryStore(),
    scope: "public",
    onError: (error) => errors.push(error),
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { once, errors, events, post: (run: HttpHandler<undefined>, asked?: Asked) => ask(once, run, asked) };
}

describe("a repeat gets the first answer", () => {
  const binary = Uint8Array.from({ length: 1000 }, (_, index) => (index * 7) & 0xff);
  const answers: HttpResponse[] = [
    { status: 200, headers: [["content-type", "application/json"]], body: bytes('{"order":7}\n') },
    {
      status: 201,
      headers: [
        ["location", "/orders/7"],
        ["etag", '"v1"'],
        ["x-custom", "a"],
        ["x-custom", "b"],
      ],
      body: binary,
    },
    { status: 200, headers: [], body: new Uint8Array() },
    { status: 202, headers: [["retry-after", "120"]], body: bytes("accepted") },
    { status: 204, headers: [], body: new Uint8Array() },
    { status: 303, headers: [["location", "/orders/7"]], body: new Uint8Array() },
    { status: 400, headers: [], body: bytes("no tea") },
    { status: 404, headers: [], body: bytes("no such customer") },
  ];

  test.for(answers)("of status $status: status, headers and body, byte for byte", async (answer) => {
    for (const { once } of [leased(), transactional()]) {
      const first = await once.answer(httpRequest(), async () => answer);
      expect({ ...first, headers: handlersOwn(first.headers) }).toEqual(answer);
      for (let time = 0; time < 3; time += 1) {
        const repeat = await once.answer(httpRequest(), never);
        expect(repeat.status).toBe(answer.status);
        expect(handlersOwn(repeat.headers)).toEqual([...answer.headers, ["idempotent-replayed", "true"]]);
        expect(Buffer.compare(repeat.body, answer.body)).toBe(0);
      }
    }
  });

  test("without the cookies, the date and the connection of the first", async () => {
    const { once } = leased();
    const headers: HttpResponse["headers"] = [
      ["set-cookie", "session=secret"],
      ["date", "Tue, 15 Nov 1994 08:12:31 GMT"],
      ["connection", "x-hop"],
      ["x-hop", "1"],
      ["x-stored", "2"],
    ];
    const answer = { status: 200, headers, body: bytes("ok") };
    const first = await once.answer(httpRequest(), async () => answer);
    expect(handlersOwn(first.headers)).toEqual(headers);
    const repeat = await once.answer(httpRequest(), never);
    expect(handlersOwn(repeat.headers)).toEqual([
      ["x-stored", "2"],
      ["idempotent-replayed", "true"],
    ]);
  });

  test("of a failed handler: the same 500, and `onError` gets the error that it threw", async () => {
    const { post, errors, events } = leased();
    const fault = new Error("password is hunter2");
    const first = await post(() => Promise.reject(fault));
    expect(first).toMatchObject({ status: 500, code: "ONCE_HANDLER_FAILED", replayed: false });
    expect(first.text).not.toContain("hunter2");
    expect(errors).toEqual([fault]);
    expect(events).toContainEqual(expect.objectContaining({ type: "handler-failed", key: "order-7", error: fault }));
    const repeat = await post(never);
    expect(repeat).toMatchObject({ status: 500, text: first.text, replayed: true });
  });

  test("of a 5xx that was answered", async () => {
    const { post } = leased();
    await post(async () => ({ status: 502, headers: [], body: bytes("bank down") }));
    expect(await post(never)).toMatchObject({ status: 502, text: "bank down", replayed: true });
  });
});

describe("a new attempt", () => {
  test("under rerun, after a failure, thrown or answered", async () => {
    const { post } = leased({ onUnknown: rerun });
    expect((await post(() => Promise.reject(new Error("fault")))).status).toBe(500);
    expect((await post(async () => ({ status: 503, headers: [], body: bytes("") }))).status).toBe(503);
    const third = await post(async ({ attempt }) => ({ status: 201, headers: [], body: bytes(`attempt ${attempt}`) }));
    expect(third).toMatchObject({ status: 201, text: "attempt 3", replayed: false });
    expect(await post(never)).toMatchObject({ text: "attempt 3", replayed: true });
  });

  test("after a handler that says that nothing happened, whatever it answers", async () => {
    for (const { post } of [leased(), leased({ onUnknown: rerun })]) {
      for (const status of [200, 429, 500]) {
        const answer = await post(async (execution) => {
          execution.noEffect();
          return { status, headers: [], body: bytes("not now") };
        });
        expect(answer).toMatchObject({ status, text: "not now", replayed: false });
      }
      const thrown = await post(async (execution) => {
        execution.noEffect();
        throw new Error("fault");
      });
      expect(thrown.status).toBe(500);
      expect(await post(async () => ({ status: 201, headers: [], body: bytes("done") }))).toMatchObject({
        status: 201,
      });
    }
  });
});

describe("in a transaction", () => {
  test("a response below 400 commits the effect; 4xx undoes it and is stored; 5xx and throws undo all of it", async () => {
    const { post, orders } = transactional();
    const run = (status: number, key: string) =>
      post(ordering({ status, headers: [], body: bytes(key) }), { keys: [key] });
    await run(201, "a");
    expect(orders()).toEqual(["tea"]);
    // The first and the last status of a refusal.
    for (const status of [400, 499]) {
      await run(status, String(status));
      expect(await run(201, String(status))).toMatchObject({ status, replayed: true });
    }
    expect((await run(409, "b")).replayed).toBe(false);
    expect(await run(201, "b")).toMatchObject({ status: 409, replayed: true });
    expect((await run(500, "c")).status).toBe(500);
    expect(orders()).toEqual(["tea"]);
    expect(await run(201, "c")).toMatchObject({ status: 201, replayed: false });
    expect(orders()).toEqual(["tea", "tea"]);
  });

  test("an answer that asks the caller to come back is rolled back with its key, so that a repeat runs", async () => {
    const { post, orders } = transactional();
    for (const status of [408, 425, 429]) {
      const answer = { headers: [], body: bytes("") };
      const asked = { keys: [String(status)] };
      expect(await post(ordering({ ...answer, status }), asked)).toMatchObject({ status, replayed: false });
      expect(orders()).toEqual([]);
      expect(await post(async () => ({ ...answer, status: 202 }), asked)).toMatchObject({
        status: 202,
        replayed: false,
      });
    }
  });

  test("without a transaction, 408 is a time-out's and leaves the outcome unknown: it can be settled later", async () => {
    const { post, events } = leased({ onUnknown: { ...rerun, quiesceMs: 0 } });
    expect(await post(async () => ({ status: 408, headers: [], body: bytes("") }))).toMatchObject({ status: 408 });
    expect(events.map(({ type }) => type)).toContain("handler-failed");
    const made: HttpResponse = { status: 201, headers: [], body: bytes("") };
    expect(await post(async () => made)).toMatchObject({ status: 201, replayed: false });
  });

  test("a failure says that nothing happened; without a transaction, that what happened is unknown", async () => {
    const failing = (): Promise<never> => Promise.reject(new Error("fault"));
    expect((await transactional().post(failing)).text).toContain("nothing of it happened");
    expect((await leased().post(failing)).text).toContain("is unknown");
    const said = await leased().post(async ({ noEffect }) => {
      noEffect();
      return failing();
    });
    expect(said.text).toContain("nothing of it happened");
  });

  test("what noEffect says is rolled back, too", async () => {
    const { post, orders } = transactional();
    await post(async (execution) => {
      insertOrder(execution.transaction, "tea");
      execution.noEffect();
      return { status: 200, headers: [], body: bytes("") };
    });
    expect(orders()).toEqual([]);
  });

  test("a handler that commits by itself is answered with a plain 500, and the reason is reported", async () => {
    const { post, errors } = transactional();
    const answer = await post(async ({ transaction }) => {
      transaction.exec("COMMIT");
      return { status: 200, headers: [], body: bytes("ok") };
    });
    expect(answer).toMatchObject({ status: 500, code: "ONCE_HANDLER_FAILED" });
    expect(answer.text).not.toContain("COMMIT");
    expect(errors).toEqual([expect.objectContaining({ code: "ONCE_HANDLER_FAILED" })]);
  });

  test("other methods run in a transaction too, without a key", async () => {
    const { once, post, orders } = transactional();
    expect(once.passing("GET")).toBeUndefined();
    const answer = await post(ordering({ status: 200, headers: [], body: bytes("ok") }), {
      method: "GET",
      keys: ["k"],
    });
    expect(answer).toMatchObject({ status: 200, replayed: false });
    expect(orders()).toEqual(["tea"]);
  });
});

describe("a response too large to be stored", () => {
  const large: HttpResponse = { status: 200, headers: [], body: new Uint8Array(2000) };

  test("leased: every response says that it was executed", async () => {
    const { post } = leased({ limits: { resultBytesMax: 1024 } });
    const first = await post(async () => large);
    expect(first).toMatchObject({ status: 500, code: "ONCE_RESULT_TOO_LARGE", replayed: false });
    expect(first.text).toContain("was executed");
    expect(await post(never)).toMatchObject({ status: 500, code: "ONCE_RESULT_TOO_LARGE", replayed: true });
  });

  test("transactional: it is rolled back, and a repeat runs", async () => {
    const { post, orders } = transactional({ limits: { resultBytesMax: 1024 } });
    const first = await post(ordering(large));
    expect(first).toMatchObject({ status: 500, code: "ONCE_RESULT_TOO_LARGE" });
    expect(first.text).toContain("was rolled back");
    expect(orders()).toEqual([]);
    expect((await post(ordering({ ...large, body: bytes("small") }))).status).toBe(200);
    expect(orders()).toEqual(["tea"]);
  });

  test("a failure that is too large is a failure like any other, and never called executed", async () => {
    for (const status of [500, 599]) {
      const { post, errors } = leased({ limits: { resultBytesMax: 1024 } });
      const first = await post(async () => ({ ...large, status }));
      expect(first).toMatchObject({ status: 500, code: "ONCE_HANDLER_FAILED" });
      expect(errors).toEqual([expect.any(RangeError)]);
    }
  });

  test("one that just fits is stored, its headers counted", async () => {
    const { post } = leased({ limits: { resultBytesMax: 1024 } });
    const head = '{"status":200,"headers":[]}\n'.length;
    const fits = { ...large, body: new Uint8Array(1024 - head) };
    expect((await post(async () => fits, { keys: ["fits"] })).status).toBe(200);
    expect((await post(async () => ({ ...fits, body: new Uint8Array(1025 - head) }), { keys: ["not"] })).status).toBe(
      500,
    );
  });
});

test("an onError that throws or rejects breaks nothing", async () => {
  const unhandled: unknown[] = [];
  const hear = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", hear);
  onTestFinished(() => void process.off("unhandledRejection", hear));
  for (const onError of [
    () => {
      throw new Error("logger");
    },
    () => Promise.reject(new Error("logger")),
  ]) {
    const { post } = leased({ onError });
    expect((await post(() => Promise.reject(new Error("fault")))).status).toBe(500);
    expect((await post(never)).replayed).toBe(true);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(unhandled).toEqual([]);
});

test("the handler is given the body, and can't change what its request is compared by", async () => {
  const { post } = leased();
  await post(async (_, body) => {
    expect(new TextDecoder().decode(body)).toBe('{"item":"tea"}');
    body.fill(0);
    return { status: 200, headers: [], body };
  });
  expect(await post(never)).toMatchObject({ status: 200, replayed: true });
});
