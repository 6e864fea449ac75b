import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { NoEffectError } from "../../packages/once-again/src/engine/index.ts";
import { exchange, lasting } from "./exchange.ts";
import { frameworks } from "./frameworks.ts";
import type { Reply } from "./route.ts";
import { effectIn, modes, needs, serving } from "./serving.ts";
import { oneRetryAfter } from "../support/retry-after.ts";

// Every answer that a handler can give, in every framework: the first and its repeat are the same.

const binary = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

const replies: [name: string, reply: Reply, expected: { status: number; body: Buffer | string }][] = [
  [
    "JSON, with Location, ETag and repeated headers",
    {
      status: 201,
      headers: {
        "content-type": "application/json",
        location: "/orders/7",
        etag: '"v1"',
        link: ["</a>; rel=a", "</b>; rel=b"],
        "set-cookie": ["session=1", "theme=dark"],
        "x-order": "7",
      },
      body: '{"order":7}',
    },
    { status: 201, body: '{"order":7}' },
  ],
  ["bytes", { status: 200, headers: { "content-type": "image/png" }, body: binary }, { status: 200, body: binary }],
  [
    "a stream",
    { status: 200, headers: { "content-type": "text/csv" }, body: () => Readable.from([Buffer.from("a,b\n"), binary]) },
    { status: 200, body: Buffer.concat([Buffer.from("a,b\n"), binary]) },
  ],
  ["204", { status: 204 }, { status: 204, body: "" }],
  ["303 with Location", { status: 303, headers: { location: "/orders/7" } }, { status: 303, body: "" }],
  ["an empty 200", { status: 200, body: "" }, { status: 200, body: "" }],
  [
    "a refusal",
    { status: 402, headers: { "content-type": "text/plain" }, body: "no money" },
    { status: 402, body: "no money" },
  ],
];

describe.for(frameworks)("$name", (framework) => {
  describe.for(modes)("%s", (mode) => {
    test.for(replies)("repeats %s, byte for byte", async ([, reply, expected]) => {
      const { rules, happen, happened } = effectIn(mode);
      const { url } = await serving(framework, { rules, handle: (call) => (happen(call), reply) });
      const [first, repeat] = [await exchange(url), await exchange(url)];
      expect(first).toMatchObject({ status: expected.status, replayed: false });
      expect(first.body).toEqual(Buffer.from(expected.body));
      expect(repeat.replayed).toBe(true);
      expect(lasting(repeat)).toEqual(lasting(first));
      // A refusal in a transaction keeps the answer, and undoes the rest.
      expect(happened()).toHaveLength(mode === "transactional, in SQLite" && expected.status >= 400 ? 0 : 1);
      const cookies = "headers" in reply ? reply.headers?.["set-cookie"] : undefined;
      expect([first.headers["set-cookie"], repeat.headers["set-cookie"]]).toEqual([cookies, undefined]);
      if (reply === replies[0]?.[1]) {
        expect(first.headers).toMatchObject({ location: "/orders/7", etag: '"v1"', "x-order": "7" });
        expect(first.headers["link"]).toBe("</a>; rel=a, </b>; rel=b");
      }
    });

    test("repeats what a raw response.end() sent", async (context) => {
      needs(framework, "rawEnd", context);
      const { rules, happen, happened } = effectIn(mode);
      const { url } = await serving(framework, {
        rules,
        handle: (call) => {
          happen(call);
          return {
            raw: (response) => {
              response.writeHead(202, { "x-raw": "yes" });
              response.write("ra");
              response.end("w");
            },
          };
        },
      });
      const [first, repeat] = [await exchange(url), await exchange(url)];
      expect(first).toMatchObject({ status: 202, text: "raw", headers: { "x-raw": "yes" } });
      expect(lasting(repeat)).toEqual(lasting(first));
      expect([repeat.replayed, happened().length]).toEqual([true, 1]);
    });

    test("keeps what it makes of an error in leased mode; in a transaction, it is rolled back and runs again", async () => {
      const { rules, happen, happened } = effectIn(mode);
      let runs = 0;
      const { url } = await serving(framework, {
        rules,
        handle: (call) => {
          happen(call);
          runs += 1;
          throw new Error(`fault ${runs}`);
        },
      });
      const [first, repeat] = [await exchange(url), await exchange(url)];
      const own = framework.cannot.errorHandler === undefined;
      expect([first.status, repeat.status]).toEqual([500, 500]);
      expect(first.text).toContain(own ? '{"failed":"fault 1"}' : "ONCE_HANDLER_FAILED");
      if (mode === "transactional, in SQLite") {
        expect([runs, repeat.replayed, happened()]).toEqual([2, false, []]);
      } else {
        expect([runs, repeat.replayed]).toEqual([1, true]);
        expect(lasting(repeat)).toEqual(lasting(first));
      }
    });

    test.for(["a thrown NoEffectError", "noEffect()"])("%s frees the key", async (how) => {
      const { rules, happen, happened } = effectIn(mode);
      let runs = 0;
      const { url } = await serving(framework, {
        rules,
        handle: (call) => {
          runs += 1;
          if (runs === 1 && how === "noEffect()") {
            call.execution.noEffect();
            return { status: 503, body: "not now" };
          }
          if (runs === 1) throw new NoEffectError("The bank is closed.");
          happen(call);
          return { status: 201, body: "made" };
        },
      });
      const first = await exchange(url);
      expect(first).toMatchObject({ status: 503, replayed: false });
      expect(first.text).toContain(how === "noEffect()" ? "not now" : "The bank is closed.");
      if (how !== "noEffect()") expect(first.headers["retry-after"]).toEqual(oneRetryAfter);
      expect(await exchange(url)).toMatchObject({ status: 201, text: "made", replayed: false });
      expect(await exchange(url)).toMatchObject({ status: 201, text: "made", replayed: true });
      expect([runs, happened()]).toEqual([2, ["tea"]]);
    });
  });

  test.for(["before", "behind"] as const)(
    "compresses answers, the compression %s once-again",
    async (compression, context) => {
      needs(framework, "compression", context);
      const text = "tea ".repeat(500);
      const { url } = await serving(framework, {
        compression,
        handle: () => ({ status: 200, headers: { "content-type": "text/plain" }, body: text }),
      });
      const headers = { "accept-encoding": "gzip" };
      const [first, repeat] = [await exchange(url, { headers }), await exchange(url, { headers })];
      expect(first.headers["content-encoding"]).toBe("gzip");
      expect(gunzipSync(first.body).toString()).toBe(text);
      expect(repeat.replayed).toBe(true);
      expect(lasting(repeat)).toEqual(lasting(first));
    },
  );

  test("a response that is too large becomes a 500 of ours, which is stored, and the handler runs once", async () => {
    let runs = 0;
    const { url } = await serving(framework, {
      rules: { limits: { resultBytesMax: 2000 } },
      handle: () => ((runs += 1), { status: 200, body: "x".repeat(5000) }),
    });
    for (const replayed of [false, true]) {
      const answer = await exchange(url);
      expect(answer).toMatchObject({ status: 500, replayed, text: expect.stringContaining("ONCE_RESULT_TOO_LARGE") });
    }
    expect(runs).toBe(1);
  });
});
