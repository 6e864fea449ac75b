import { describe, expect, test } from "vitest";
import { conformanceCases, type ProfileName, verifyProfiles } from "../../packages/tools/src/verify/index.ts";
import type { Break } from "./breaks.ts";
import { ModelServer, type ModelCall } from "./model-server.ts";
import { acpError, AcpModel, stripeError, StripeModel, WebhookModel, webhookSecret } from "./profile-models.ts";
import { summarize, verifyModel } from "./verify-model.ts";
import { webhookViolations } from "./webhook-violations.ts";

type Profile = Exclude<ProfileName, "draft">;

const models: Readonly<Record<Profile, () => ModelServer>> = {
  acp: () => new AcpModel(),
  stripe: () => new StripeModel(),
  webhooks: () => new WebhookModel(),
};

/** Options that a profile needs beside those that all need. */
const given: Readonly<Record<Profile, { secret?: string }>> = {
  acp: {},
  stripe: {},
  webhooks: { secret: webhookSecret },
};

const withoutHeader = (name: string) => (server: ModelServer) => ({
  async answer(request: ModelCall["request"]) {
    const answer = await Object.getPrototypeOf(server).answer.call(server, request);
    return { ...answer, headers: answer.headers.filter(([header]: readonly [string, string]) => header !== name) };
  },
});

/** A server for each case, which breaks its rule. */
const keyViolations: Readonly<Record<Exclude<Profile, "webhooks">, Readonly<Record<string, Break>>>> = {
  acp: {
    A01: (server) => ({ key: (values) => ModelServer.prototype.key.call(server, values) }),
    A02: () => ({ reused: () => acpError(409, "idempotency_conflict") }),
    A03: () => ({ inProgress: () => acpError(409, "busy") }),
    A04: withoutHeader("idempotency-key"),
    A05: (server) => ({
      key(values) {
        const key = AcpModel.prototype.key.call(server, values);
        return typeof key === "string" && !/^[\da-f-]{36}$/.test(key) ? acpError(400, "no UUID") : key;
      },
    }),
    A06: (server) => ({ recordName: ({ request, key }) => `${server.scope(request)} ${key}` }),
    A07: () => ({ fingerprint: ({ request, body }) => `${request.url} ${body}` }),
    A08: () => ({ fingerprint: ({ body }) => body.replace(',"verify_note":null', "") }),
    A09: () => ({ fingerprint: ({ body }) => body }),
    A10: () => ({ fingerprint: ({ body }) => [...body].sort().join("") }),
    A11: withoutHeader("idempotent-replayed"),
    A12: (server) => ({
      done: (name, record, answer, call) => ModelServer.prototype.done.call(server, name, record, answer, call),
    }),
    A13: (server) => ({
      async answer(request) {
        const answer = await AcpModel.prototype.answer.call(server, request);
        return { ...answer, headers: [...answer.headers, ["idempotency-key-policy", "retention=3600"]] };
      },
    }),
    A14: (server) => ({
      key(values) {
        const key = AcpModel.prototype.key.call(server, values);
        return typeof key === "string" && key[14] === "7" ? acpError(412, "too old") : key;
      },
    }),
    A15: () => ({ fingerprint: ({ body }) => body.replace(/,"verify_extension".*/, "}") }),
  },
  stripe: {
    P01: (server) => ({ key: (values) => ModelServer.prototype.key.call(server, values) }),
    P02: () => ({ reused: () => stripeError(422, "idempotency_error") }),
    P03: (server) => ({
      done(name, record, answer, call) {
        if (answer.status >= 500) server.records.delete(name);
        else StripeModel.prototype.done.call(server, name, record, answer, call);
      },
      work: async (call) => ({
        ...(await ModelServer.prototype.work.call(server, call)),
        ...(call.body.includes("fail") && { body: crypto.randomUUID() }),
      }),
    }),
    P04: (server) => ({
      done: (name, record, answer, call) => ModelServer.prototype.done.call(server, name, record, answer, call),
    }),
  },
};

const violations: Readonly<Record<Profile, Readonly<Record<string, (model: never) => object>>>> = {
  ...keyViolations,
  webhooks: webhookViolations,
};

describe.for(Object.keys(verifyProfiles) as Profile[])("%s", (profile) => {
  const { sentences, cases } = verifyProfiles[profile];
  const known = new Set([...conformanceCases, ...cases].map(({ id }) => id));

  test("each sentence has cases, or says why none can test it", () => {
    const bare = sentences.filter(({ cases: ids, untested }) => (ids.length === 0) !== (untested !== undefined));
    expect(bare).toEqual([]);
    expect(sentences.flatMap((sentence) => sentence.cases).filter((id) => !known.has(id))).toEqual([]);
  });

  test("each case of a profile belongs to a sentence, and has a server that breaks its rule", () => {
    const named = new Set(sentences.flatMap((sentence) => sentence.cases));
    expect(cases.filter(({ id }) => !named.has(id))).toEqual([]);
    expect(Object.keys(violations[profile])).toEqual(cases.map(({ id }) => id));
  });

  test("a server that keeps its rules fails no case, and misses none but what servers need not say", async () => {
    const results = summarize(
      await verifyModel(models[profile](), { ...given[profile], profile, strictness: "draft" }),
    );
    // A model has no policy to state.
    const wrong = results.filter(({ id, kind }) => kind !== "pass" && !(id === "A13" && kind === "not-applicable"));
    expect(wrong).toEqual([]);
  });

  test.concurrent.for(Object.entries(violations[profile]))(
    "%s fails at a server that breaks its rule",
    async ([id, change]) => {
      const model = models[profile]();
      Object.assign(model, change(model as never));
      const report = await verifyModel(model, { ...given[profile], profile, strictness: "draft", only: [id] });
      expect(summarize(report)).toEqual([{ id, kind: "fail", observed: expect.any(String) }]);
    },
  );
});

test("a receiver that marks an id as handled before its work fails W19: the event is lost", async () => {
  const model = new WebhookModel();
  const marked = new Set<string>();
  Object.assign(model, {
    async receive(delivery, call) {
      if (marked.has(call.key)) return { status: 200, headers: [], body: "" };
      marked.add(call.key);
      return WebhookModel.prototype.receive.call(model, delivery, call);
    },
  } satisfies Partial<WebhookModel>);
  const only = ["W19"];
  const report = await verifyModel(model, { ...given.webhooks, profile: "webhooks", strictness: "draft", only });
  expect(summarize(report)).toEqual([{ id: "W19", kind: "fail", observed: expect.any(String) }]);
});
