import { describe, expect, test } from "vitest";
import { bytes } from "../../../../test/support/http-bench.ts";
import { leasedRoute, never } from "../../../../test/support/leased-route.ts";
import { ordering, transactionalRoute } from "../../../../test/support/transactional-route.ts";
import type { HttpResponse } from "./response.ts";
import { graphqlFailure } from "./graphql-failure.ts";

const json = (value: unknown, contentType = "application/json", status = 200): HttpResponse => ({
  status,
  headers: [["Content-Type", contentType]],
  body: bytes(JSON.stringify(value)),
});
const good = json({ data: { pay: { id: 7 } } });
const failed = json({ errors: [{ message: "the mail server is down" }], data: { pay: null } });
const refused = json({ errors: [{ message: "no such field" }] });

const page: HttpResponse = { status: 200, headers: [["content-type", "text/html"]], body: bytes("<h1>") };
const compressed: HttpResponse = { ...good, headers: [...good.headers, ["Content-Encoding", "gzip"]] };

describe("graphqlFailure", () => {
  test.each([
    ["data alone", good, undefined],
    ["errors beside data", failed, "failed"],
    ["errors and no data at all", json({ errors: [], data: null }), "failed"],
    ["errors of a request that was never run", refused, "refused"],
    ["another media type of JSON", json({ errors: [] }, "Application/GraphQL-Response+JSON; charset=utf-8"), "refused"],
    ["several answers, the worst last", json([{ data: 1 }, { errors: [] }, { errors: [], data: 1 }]), "failed"],
    ["several answers, one refused", json([{ data: 1 }, { errors: [] }]), "refused"],
    ["several good answers", json([{ data: 1 }, { data: 2 }]), undefined],
    ["a page of HTML", page, undefined],
    ["no body and no type", { status: 204, headers: [], body: bytes("") }, undefined],
    ["JSON that is no answer", json("errors"), undefined],
    ["null", json(null), undefined],
  ])("of %s", (_, answer, verdict) => {
    expect(graphqlFailure(answer)).toBe(verdict);
  });

  test.each([
    ["compressed", compressed],
    ["of several parts", json({}, "multipart/mixed; boundary=-")],
    ["of events", json({}, "text/event-stream")],
    ["that is not the JSON it says it is", { ...good, body: bytes("{") }],
  ])("throws for an answer %s: it can't say that this was no failure", (_, answer) => {
    expect(() => graphqlFailure(answer)).toThrow();
  });
});

describe("in a transaction", () => {
  test("a failure answered with 200 is rolled back with its key: the caller gets it, and a repeat runs", async () => {
    const { post, orders } = transactionalRoute({ failureOf: graphqlFailure });
    expect(await post(ordering(failed))).toMatchObject({ status: 200, replayed: false });
    expect(orders()).toEqual([]);
    expect(await post(ordering(good))).toMatchObject({ status: 200, replayed: false });
    expect(orders()).toEqual(["tea"]);
    expect(await post(never as never)).toMatchObject({ status: 200, replayed: true });
  });

  test("a refusal answered with 200 is stored, and the handler's writes are not", async () => {
    const { post, orders } = transactionalRoute({ failureOf: graphqlFailure });
    await post(ordering(refused));
    expect(orders()).toEqual([]);
    expect((await post(never as never)).text).toContain("no such field");
  });

  test("a response that can't be judged is a failure, and is reported", async () => {
    const { post, orders, errors } = transactionalRoute({ failureOf: graphqlFailure });
    expect((await post(ordering({ ...good, body: bytes("{") }))).code).toBe("ONCE_HANDLER_FAILED");
    expect([orders(), errors]).toEqual([[], [expect.any(SyntaxError)]]);
  });
});

describe("in leased mode", () => {
  test("a failure answered with 200 leaves the outcome unknown: held, or run again where the route says so", async () => {
    const held = leasedRoute({ failureOf: graphqlFailure });
    await held.post({}, async () => failed);
    expect(await held.post({}, never)).toMatchObject({ status: 200, replayed: true });
    const rerun = leasedRoute({
      failureOf: graphqlFailure,
      onUnknown: { action: "rerun", acknowledgeDuplicates: true },
    });
    await rerun.post({}, async () => failed);
    expect(await rerun.post({}, async ({ attempt }) => json({ data: attempt }))).toMatchObject({ text: '{"data":2}' });
  });

  test("a refusal answered with 200 is stored", async () => {
    const { post } = leasedRoute({
      failureOf: graphqlFailure,
      onUnknown: { action: "rerun", acknowledgeDuplicates: true },
    });
    await post({}, async () => refused);
    expect((await post({}, never)).replayed).toBe(true);
  });
});

test.each([Promise.resolve("failed"), "fail", false, null])(
  "a rule that returns %s has not judged: a failure",
  async (judged) => {
    const { post, orders, errors } = transactionalRoute({ failureOf: () => judged as never });
    expect((await post(ordering(good))).code).toBe("ONCE_HANDLER_FAILED");
    expect([orders(), errors]).toEqual([[], [expect.objectContaining({ details: { option: "failureOf" } })]]);
  },
);

test("it can't turn a response with a status of failure into a success", async () => {
  const { post, orders } = transactionalRoute({ failureOf: () => undefined });
  await post(ordering({ ...good, status: 500 }), { keys: ["a"] });
  await post(ordering({ ...good, status: 400 }), { keys: ["b"] });
  expect(orders()).toEqual([]);
});
