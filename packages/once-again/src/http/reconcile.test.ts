import { expect, test } from "vitest";
import { appDatabase } from "../../../../test/support/app-database.ts";
import { ask, bytes } from "../../../../test/support/http-bench.ts";
import { OnceAgainError } from "../core/errors.ts";
import { fakeClock } from "../../../testing/src/index.ts";
import { memoryStore } from "../stores/memory/index.ts";
import type { HttpHandler } from "./response.ts";
import { onceHttp } from "./handle-request.ts";
import type { LeasedHttpOptions } from "./http-options.ts";
import type { Reconcile } from "./reconcile.ts";
import { oneRetryAfter } from "../../../../test/support/retry-after.ts";

const failing: HttpHandler<undefined> = async () => {
  throw new Error("the connection to the bank broke");
};
const charging: HttpHandler<undefined> = async ({ attempt }) => ({
  status: 201,
  headers: [],
  body: bytes(`attempt ${attempt}`),
});

function opened(
  reconcile: Reconcile<string>,
  { quiesceMs, ...options }: Pick<LeasedHttpOptions<string>, "leaseMs" | "limits"> & { quiesceMs?: number } = {},
) {
  const clock = fakeClock(1_700_000_000_000);
  const { store } = appDatabase({ clock });
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const once = onceHttp<string>({
    store,
    clock,
    waitMs: 0,
    scope: "public",
    onUnknown: { action: reconcile, quiesceMs },
    onError,
    ...options,
  });
  return { clock, errors, post: (handler: HttpHandler<undefined>) => ask(once, handler) };
}

test("an effect that is found is the answer, now and ever after", async () => {
  const { post } = opened(async ({ key, attempt }, account) => ({
    found: { status: 201, headers: { location: "/charges/7" }, body: `${account} ${key} ${attempt}` },
  }));
  expect(await post(failing)).toMatchObject({ status: 500, code: "ONCE_HANDLER_FAILED" });
  const found = { status: 201, text: "acme order-7 2", headers: { location: ["/charges/7"] } };
  expect(await post(failing)).toMatchObject({ ...found, replayed: false });
  expect(await post(failing)).toMatchObject({ ...found, replayed: true });
});

test("an operation is executed when its effect is surely absent", async () => {
  const { post } = opened(async () => ({ absent: "fenced" }));
  await post(failing);
  expect(await post(charging)).toMatchObject({ status: 201, text: "attempt 2" });
});

test("while the look-up finds no answer, the operation is held, and looked up again at the next repeat", async () => {
  let looks = 0;
  const { post } = opened(async () => (++looks < 3 ? "unknown" : { absent: "fenced" }));
  await post(failing);
  for (let repeat = 1; repeat < 3; repeat += 1) {
    expect(await post(charging)).toMatchObject({ status: 409, code: "ONCE_OUTCOME_UNKNOWN", retryAfter: undefined });
  }
  expect(await post(charging)).toMatchObject({ status: 201 });
  expect(looks).toBe(3);
});

test("a look that fails leaves the outcome unknown", async () => {
  const { post, errors } = opened(async () => {
    throw new Error("the bank is closed");
  });
  await post(failing);
  expect(await post(charging)).toMatchObject({ status: 500 });
  expect(errors.map(String)).toEqual(["Error: the connection to the bank broke", "Error: the bank is closed"]);
});

test("a look that fails with one of our own codes does not speak for the operation", async () => {
  for (const code of ["ONCE_NO_EFFECT", "ONCE_OUTCOME_UNKNOWN", "ONCE_RESULT_TOO_LARGE"] as const) {
    const { post, errors } = opened(async () => {
      throw new OnceAgainError(code, "https://bank.internal said so");
    });
    await post(failing);
    const said = await post(charging);
    expect(said).toMatchObject({ status: 500, code: "ONCE_HANDLER_FAILED" });
    expect(said.text).not.toContain("bank.internal");
    expect(errors.at(-1)).toMatchObject({ cause: { code } });
  }
});

test("a look that takes longer than the handler may ends the attempt: another may be at work by then", async () => {
  const looking = Promise.withResolvers<void>();
  let runs = 0;
  const { post, clock } = opened(
    async ({ signal }) => {
      looking.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return { absent: "fenced" };
    },
    { limits: { handlerMsMax: 1000 } },
  );
  await post(failing);
  const late = post(async (execution, body) => {
    runs += 1;
    return charging(execution, body);
  });
  await looking.promise;
  await clock.advance(1000);
  expect(await late).toMatchObject({ status: 504, code: "ONCE_HANDLER_TIMEOUT" });
  await clock.advance(0);
  expect(runs).toBe(0);
});

test("the look-up waits until lease and quiesceMs have passed; until then repeats are asked to come back", async () => {
  const { post, clock } = opened(async () => ({ absent: "quiesced" }), { quiesceMs: 5000, leaseMs: 1000 });
  await post(failing);
  await clock.advance(5999);
  expect(await post(charging)).toMatchObject({ status: 409, code: "ONCE_IN_PROGRESS", retryAfter: oneRetryAfter });
  await clock.advance(1);
  expect(await post(charging)).toMatchObject({ status: 201 });
});

test('"quiesced" without quiesceMs is refused, loudly', async () => {
  const { post, errors } = opened(async () => ({ absent: "quiesced" }));
  await post(failing);
  expect(await post(charging)).toMatchObject({ status: 500 });
  expect(errors.at(-1)).toMatchObject({ code: "ONCE_OPTION_INVALID", details: { option: "onUnknown.quiesceMs" } });
});

test.each([undefined, null, [[]], {}, { id: 7 }, { absent: true }])(
  "a look-up that answers %j, as a database does, proves nothing: the handler does not run again",
  async (row) => {
    const { post, errors, clock } = opened(async () => row as never, { quiesceMs: 5000, leaseMs: 1000 });
    await post(failing);
    await clock.advance(6000);
    let runs = 0;
    const late = await post(async (execution, body) => {
      runs += 1;
      return charging(execution, body);
    });
    expect([late.status, runs]).toEqual([500, 0]);
    expect(String(errors.at(-1))).toContain("reconcile must answer");
  },
);

test("rerun on a store that can lose claims must be acknowledged", () => {
  const open = (acknowledgeDuplicates: boolean) =>
    onceHttp<string>({
      store: memoryStore(),
      scope: "public",
      onUnknown: { action: "rerun", acknowledgeDuplicates },
    });
  expect(() => open(false)).toThrow(expect.objectContaining({ code: "ONCE_UNSAFE_PAIR" }));
  expect(open(true).passing("GET")).toBeDefined();
});
