import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { dial } from "../support/dial.ts";
import { exchange } from "./exchange.ts";
import { frameworks } from "./frameworks.ts";
import { effectIn, modes, serving } from "./serving.ts";
import { oneRetryAfter, retryAfters } from "../support/retry-after.ts";

// Many requests for one operation at once, and callers who don't wait for its end, in every framework.

async function* slowly(...chunks: string[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    yield Buffer.from(chunk);
  }
}

describe.for(frameworks)("$name", (framework) => {
  test.for(modes)("of 50 duplicates at once one runs, and the others get a 409 or wait, %s", async (mode) => {
    for (const waitMs of [0, 20_000]) {
      const { rules, happen, happened } = effectIn(mode);
      const { url } = await serving(framework, {
        rules: { ...rules, waitMs },
        async handle(call) {
          happen(call);
          await new Promise((resolve) => setTimeout(resolve, 150));
          return { status: 201, body: "made" };
        },
      });
      const answers = await Promise.all(Array.from({ length: 50 }, () => exchange(url)));
      const made = answers.filter(({ status }) => status === 201);
      const refused = answers.filter(({ status }) => status === 409);
      expect(made.length + refused.length).toBe(50);
      expect(made.every(({ text }) => text === "made")).toBe(true);
      expect(made.filter(({ replayed }) => !replayed)).toHaveLength(1);
      expect(
        refused.every(
          ({ headers, text }) => retryAfters.includes(headers["retry-after"]) && text.includes("ONCE_IN_PROGRESS"),
        ),
      ).toBe(true);
      expect(happened()).toHaveLength(1);
      if (waitMs > 0) expect(made).toHaveLength(50);
      expect(await exchange(url)).toMatchObject({ status: 201, text: "made", replayed: true });
    }
  });

  const endings = ["destroy", "resetAndDestroy"] as const;
  const bodies = ["text", "a stream"] as const;
  const departures = modes.flatMap((mode) =>
    endings.flatMap((ending) => bodies.map((body) => [ending, body, mode] as const)),
  );

  test.for(departures)(
    "a caller that hangs up (%s) does not end its operation, answered by %s, %s",
    async ([ending, body, mode]) => {
      const { rules, happen, happened } = effectIn(mode);
      const [running, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const { url } = await serving(framework, {
        rules: { ...rules, waitMs: 20_000 },
        async handle(call) {
          running.resolve();
          await go.promise;
          happen(call);
          const headers = { location: "/orders/7", "content-type": "text/plain" };
          return { status: 201, headers, body: body === "text" ? "made" : () => Readable.from(slowly("ma", "de")) };
        },
      });
      const { socket } = dial(url);
      socket.write(
        "POST /v1/orders HTTP/1.1\r\nHost: a\r\nIdempotency-Key: order-7\r\nContent-Type: application/json\r\n" +
          'Content-Length: 14\r\n\r\n{"item":"tea"}',
      );
      await running.promise;
      socket[ending]();
      await new Promise((resolve) => setTimeout(resolve, 30));
      go.resolve();
      const repeat = await exchange(url);
      expect(repeat).toMatchObject({ status: 201, text: "made", replayed: true, headers: { location: "/orders/7" } });
      expect(happened()).toHaveLength(1);
    },
  );

  test("close lets what runs end, and takes nothing new", async () => {
    const [running, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { url, close } = await serving(framework, {
      async handle() {
        running.resolve();
        await go.promise;
        return { status: 200, body: "late" };
      },
    });
    const answer = exchange(url);
    await running.promise;
    const closing = close();
    expect(await exchange(url, { key: "new" })).toMatchObject({
      status: 503,
      headers: { "retry-after": oneRetryAfter },
    });
    go.resolve();
    await closing;
    expect((await answer).text).toBe("late");
  });

  test("a route that is closed has its caller come back on another connection", async () => {
    const { url, close } = await serving(framework, { handle: () => ({ status: 201 }) });
    const headers = { connection: "keep-alive" };
    expect((await exchange(url, { headers })).headers.connection).toBe("keep-alive");
    await close();
    const refused = await exchange(url, { key: "new", headers });
    expect(refused).toMatchObject({ status: 503, headers: { connection: "close" } });
  });
});
