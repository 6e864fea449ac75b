import { describe, expect, test } from "vitest";
import { openRun } from "../packages/once-again/src/agents/index.ts";
import { checkNames, type OptionNames } from "../packages/once-again/src/core/option-names.ts";
import { awsRetryStrategy } from "../packages/once-again/src/interceptors/aws.ts";
import { openToolCalls } from "../packages/once-again/src/mcp/index.ts";
import { webhookRoute } from "../packages/once-again/src/messaging/webhooks/webhook-route.ts";
import { consumeJetstream } from "../packages/once-again/src/messaging/inbox/consumers/jetstream.ts";
import { postgresOutbox } from "../packages/once-again/src/stores/postgres/outbox.ts";
import { retryingFetch } from "../packages/once-again/src/client/index.ts";
import { onceWeb } from "../packages/once-again/src/frameworks/web.ts";
import { onceNode } from "../packages/once-again/src/frameworks/node.ts";
import { awsBudget, finagleBudget, grpcBudget, successBudget } from "../packages/once-again/src/retry/budgets/index.ts";
import {
  boundedJitter,
  constantBackoff,
  decorrelatedBackoff,
  exponentialBackoff,
  fibonacciBackoff,
  linearBackoff,
  retry,
} from "../packages/once-again/src/retry/index.ts";
import {
  adaptiveThrottle,
  circuitBreaker,
  concurrencyLimit,
  hedge,
} from "../packages/once-again/src/retry/layers/index.ts";
import { onceFunction } from "../packages/once-again/src/function/index.ts";
import { leasedEngine } from "../packages/once-again/src/engine/index.ts";
import { mariadbOutbox, mariadbStore } from "../packages/once-again/src/stores/mariadb/index.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";
import { postgresStore } from "../packages/once-again/src/stores/postgres/index.ts";
import { redisStore } from "../packages/once-again/src/stores/redis/index.ts";
import { sqliteOutbox, sqliteStore } from "../packages/once-again/src/stores/sqlite/index.ts";

type Make = (options: never) => unknown;

const handler = (): Response => new Response();
const store = memoryStore();
const once = (options: object) => onceWeb({ store, scope: "public", ...options }, handler);
const libsqlClient = { executeMultiple: () => undefined, protocol: "file" };
const call = (options: object) => onceFunction({ store, scope: "call", key: () => "key", ...options }, () => 1);

/** Functions with options, a name that they don't have, and the message that follows. */
const misspelt: [string, Make, object, string][] = [
  ["onceWeb", once, { ttlMs: 1 }, "Did you mean retentionMs?"],
  ["onceWeb", once, { retentionMS: 1 }, "Did you mean retentionMs?"],
  ["onceWeb", once, { cookieName: "x-key" }, "Its options are "],
  ["onceFunction", call, { waitMS: 1 }, "Did you mean waitMs?"],
  ["onceFunction", call, { ttl: 1 }, "Did you mean retentionMs?"],
  ["leasedEngine", (options: object) => leasedEngine(store, options), { leaseMS: 1 }, "leaseMs?"],
  ["retryingFetch", retryingFetch, { retries: 3 }, "Did you mean attemptsMax?"],
  ["retryingFetch", retryingFetch, { timeout: 3 }, "Did you mean timeoutMs?"],
  ["exponentialBackoff", exponentialBackoff, { base: 5 }, "Did you mean baseMs?"],
  ["linearBackoff", linearBackoff, { factor: 5 }, "Its options are baseMs, capMs, jitter."],
  ["fibonacciBackoff", fibonacciBackoff, { cap: 5 }, "Did you mean capMs?"],
  ["constantBackoff", constantBackoff, { delayMs: 1, delay: 5 }, "Did you mean delayMs?"],
  ["decorrelatedBackoff", decorrelatedBackoff, { jitter: 1 }, "Its options are baseMs, capMs."],
  ["boundedJitter", boundedJitter, { ration: 1 }, "Did you mean ratio?"],
  ["circuitBreaker", circuitBreaker, { threshold: 1 }, "Did you mean failureRatio?"],
  ["adaptiveThrottle", adaptiveThrottle, { windowMS: 1 }, "Did you mean windowMs?"],
  ["concurrencyLimit", concurrencyLimit, { runningMax: 1, queuMax: 1 }, "Did you mean queueMax?"],
  ["hedge", hedge, { delayMs: 1, hedgeMax: 1 }, "Did you mean hedgesMax?"],
  ["successBudget", successBudget, { capacty: 20 }, "Did you mean capacity?"],
  ["awsBudget", awsBudget, { capasity: 20 }, "Did you mean capacity?"],
  ["finagleBudget", finagleBudget, { ttl: 1 }, "Did you mean ttlMs?"],
  ["grpcBudget", grpcBudget, { tokenMax: 1 }, "Did you mean tokensMax?"],
  ["memoryStore", memoryStore, { recordMax: 1 }, "Did you mean recordsMax?"],
  [
    "sqliteStore of libSQL",
    (options: object) => sqliteStore(libsqlClient as never, options),
    { queMax: 1 },
    "queueMax?",
  ],
  ["sqliteStore", sqliteStore, { path: "keys.db", busyMs: 1 }, "Its options are "],
  ["redisStore", (options: object) => redisStore({} as never, options), { prefx: "a" }, "mean prefix?"],
  ["mariadbStore", (options: object) => mariadbStore({} as never, options), { prefix: "a" }, "Its options"],
  ["postgresStore", (options: object) => postgresStore({} as never, options), { prepared: true }, "prepare?"],
];

test.each(misspelt)(
  "%s refuses a name that is no option of it, and says which was meant",
  (_, make, options, advice) => {
    const [unknown] = Object.keys(options).slice(-1);
    const refusal = expect.objectContaining({ code: "ONCE_OPTION_INVALID", details: { option: unknown } });
    expect(() => make(options as never)).toThrow(refusal);
    expect(() => make(options as never)).toThrow(advice);
  },
);

const github = (options: object) =>
  webhookRoute({ store, endpoint: "github", verify: () => undefined, ...options } as never);

test.each<[string, Make, string, object, string]>([
  ["onceWeb", once, "limits.bodyByteMax", { limits: { bodyByteMax: 1 } }, "Did you mean limits.bodyBytesMax?"],
  ["onceWeb", once, "limits.leaseMs", { limits: { leaseMs: 1 } }, "Its options are limits.bodyBytesMax, limits.result"],
  [
    "onceWeb",
    once,
    "limits.quota.perMS",
    { limits: { quota: { keysMax: 1, perMs: 1, perMS: 1 } } },
    "Did you mean limits.quota.perMs?",
  ],
  ["onceWeb", once, "profile.keyHeder", { profile: { keyHeder: "x" } }, "Did you mean profile.keyHeader?"],
  ["onceWeb", once, "steps.secrets", { steps: { secrets: 1 } }, "Did you mean steps.secret?"],
  ["onceWeb", once, "onUnknown.quiesceMS", { onUnknown: { action: "hold", quiesceMS: 1 } }, "onUnknown.quiesceMs?"],
  [
    "webhookRoute",
    github,
    "profile.keyHeader",
    { profile: { keyHeader: "x" } },
    "Its options are profile.reusedStatus",
  ],
])("%s names %s by its path", (_, make, option, options, advice) => {
  expect(() => make(options as never)).toThrow(
    expect.objectContaining({ code: "ONCE_OPTION_INVALID", details: { option } }),
  );
  expect(() => make(options as never)).toThrow(advice);
});

test.each([
  ["limits", { limits: null }],
  ["limits", { limits: 5 }],
  ["limits", { limits: [] }],
  ["profile", { profile: [] }],
  ["steps", { steps: "secret" }],
  ["profile", { profile: null }],
  ["profile", { profile: "apc" }],
  ["profile.name", { profile: { name: "apc" } }],
  ["profile.keyHeader", { profile: { keyHeader: "" } }],
  ["profile.reusedStatus", { profile: { reusedStatus: 400 } }],
  ["profile.expiredKeys", { profile: { expiredKeys: "reject" } }],
  ["profile.retryAfterSeconds", { profile: { retryAfterSeconds: 0 } }],
  ["profile.keyRequired", { profile: { name: "acp", keyRequired: false }, onUnknown: "rerun" }],
  ["onUnknown", { onUnknown: "run" }],
  ["onUnknown", { onUnknown: null }],
  ["onUnknown.action", { onUnknown: { quiesceMs: 5 } }],
  ["onUnknown.action", { onUnknown: { action: "run" } }],
  ["onUnknown.quiesceMs", { onUnknown: { action: "hold", quiesceMs: -1 } }],
  ["limits.bodyBytesMax", { limits: { bodyBytesMax: -1 } }],
  ["limits.resultBytesMax", { limits: { resultBytesMax: 1 } }],
  ["limits.storeMsMax", { limits: { storeMsMax: 0 } }],
  ["limits.handlerMsMax", { limits: { handlerMsMax: 0 } }],
  ["limits.quota.keysMax", { limits: { quota: { keysMax: 0, perMs: 1 } } }],
  ["steps.secret.length", { steps: { secret: new Uint8Array(1) } }],
  ["steps.checkpointBytesMax", { steps: { checkpointBytesMax: 0 } }],
])("an error about %s has that name in its details: %j", (option, options) => {
  expect(() => once(options)).toThrow(
    expect.objectContaining({ code: "ONCE_OPTION_INVALID", details: { option } }) as Error,
  );
});

test("an adapter has these options and no others", () => {
  const names =
    "store, mode, scope, onUnknown, profile, methods, skip, fingerprint, noEffectStatuses, failureOf, limits, leaseMs, " +
    "retentionMs, waitMs, steps, onEvent, onError, clock, random";
  expect(() => once({ cookieName: "x" })).toThrow(`Its options are ${names}.`);
  for (const name of ["identify", "latest", "bodyBytesMax", "keyHeader", "quota", "secret"]) {
    expect(() => once({ [name]: undefined })).toThrow(`no option "${name}"`);
  }
});

const pg = Object.assign(new EventTarget(), { query: () => undefined, connect: () => undefined });

const onlyValue = (options: object): unknown => Object.values(options)[0];

/** Every option that is true or false: where it is, and the door that reads it. `OptionNames` makes the compiler find a new one. */
const booleans: [string, string, Make][] = [
  [
    "onceWeb",
    "onUnknown.acknowledgeDuplicates",
    (options: object) => once({ onUnknown: { action: "hold", acknowledgeDuplicates: onlyValue(options) } }),
  ],
  ["onceWeb", "profile.keyRequired", (options: object) => once({ profile: { keyRequired: onlyValue(options) } })],
  ["onceFunction", "acknowledgeDuplicates", call],
  ["leasedEngine", "acknowledgeDuplicates", (options: object) => leasedEngine(store, options)],
  ["openToolCalls", "keyRequired", (options: object) => openToolCalls({ store, scope: "a", ...options })],
  ["openRun", "replay", (options: object) => openRun({ store, run: "1", ...options })],
  ["openRun", "verbatim", (options: object) => openRun({ store, run: "1", ...options })],
  ["openRun", "keyed", (options: object) => openRun({ store, run: "1", ...options })],
  ["awsRetryStrategy", "repeatable", awsRetryStrategy],
  ["redisStore", "acknowledgeEviction", (options: object) => redisStore({} as never, options)],
  ["postgresStore", "replayTouch", (options: object) => postgresStore(pg as never, options)],
  ["postgresStore", "prepare", (options: object) => postgresStore(pg as never, options)],
  ["postgresOutbox", "prepare", (options: object) => postgresOutbox(pg as never, options)],
  [
    "consumeJetstream",
    "highWaterMark",
    (options: object) => consumeJetstream({} as never, options as never, undefined as never),
  ],
];

test.each(booleans)("%s: %s is true or false, and no text or number that stands for one", async (_, name, make) => {
  for (const value of ["no", "false", "true", "", 0, 1, null]) {
    const made = async (): Promise<unknown> => make({ [name]: value } as never);
    await expect(made(), `${value}`).rejects.toMatchObject({
      code: "ONCE_OPTION_INVALID",
      details: { option: name },
      message: expect.stringMatching(/must be true or false/) as string,
    });
  }
});

test("an option that is true or false can't be listed unchecked", () => {
  interface Options {
    readonly loud?: boolean | undefined;
    readonly name?: string | undefined;
  }
  // @ts-expect-error -- It has to say "boolean".
  const unchecked: OptionNames<Options> = { loud: true, name: true };
  const checked: OptionNames<Options> = { loud: "boolean", name: true };
  expect(() => checkNames("it", { loud: "no" }, checked)).toThrow("loud must be true or false");
  expect(() => checkNames("it", { loud: "no" }, unchecked)).not.toThrow();
});

test("retry refuses them too, and what is no function, before the first attempt", async () => {
  let attempts = 0;
  const operation = () => (attempts += 1);
  await expect(retry(operation, { retries: 2 } as never)).rejects.toThrow("Did you mean attemptsMax?");
  await expect(retry("x" as never)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  await expect(retry(operation, null as never)).rejects.toMatchObject({ code: "ONCE_OPTION_INVALID" });
  expect(attempts).toBe(0);
});

test("a name that every object has is no option, an unknown one that is undefined is refused", () => {
  for (const name of ["toString", "constructor", "hasOwnProperty"]) {
    expect(() => successBudget({ [name]: 1 })).toThrow(`no option "${name}"`);
  }
  expect(() => successBudget({ tokens: undefined } as never)).toThrow('no option "tokens"');
});

describe("what is no store is refused at once, with what to do", () => {
  const method = (): undefined => undefined;
  test.each([
    ["nothing", undefined, "undefined"],
    ["null", null, "null"],
    ["a text", "postgres://", "a text"],
    ["a Promise of one", Promise.resolve(memoryStore()), "await it"],
    ["a Pool of pg", { query: method, connect: method }, "postgresStore(pool)"],
    ["the sql of postgres", Object.assign(method, { unsafe: method }), "postgresStore(sql)"],
    ["a pool of mysql2", { query: method, getConnection: method }, "mariadbStore(pool)"],
    ["a client of ioredis", { callBuffer: method }, "redisStore(client)"],
    ["a client of redis", { withTypeMapping: method }, "redisStore(client)"],
    ["a bucket of NATS", { history: method }, "natsStore(kv)"],
    ["a connection of NATS", { publish: method, requestMany: method }, "natsStore(kv)"],
    ["a database of node:sqlite", { prepare: method }, "sqliteStore({ path })"],
    // These have what their packages have beside the methods of the clients that they are like.
    ["a client of @upstash/redis", { createScript: method, publish: method }, "@upstash/redis"],
    ["a client of Valkey GLIDE", { customCommand: method, invokeScript: method, publish: method }, "Valkey GLIDE"],
    ["a client of ioredis-mock", { customCommand: method, defineCommand: method, publish: method }, "stand-in"],
    [
      "the sql of neon()",
      Object.assign(() => undefined, { unsafe: method, transaction: method, query: method }),
      "neon()",
    ],
    ["a PGlite", { query: method, exec: method, execProtocol: method, transaction: method }, "PGlite"],
    ["a client of libSQL", { execute: method, batch: method, executeMultiple: method, transaction: method }, "libSQL"],
    ["a pool of mariadb", { getConnection: method, query: method, activeConnections: method }, "package mariadb"],
  ])("%s", (_, given, advice) => {
    expect(() => once({ store: given })).toThrow(
      expect.objectContaining({ code: "ONCE_OPTION_INVALID", details: { option: "store" } }),
    );
    expect(() => once({ store: given })).toThrow(advice);
  });

  test("a store's own client is refused by its right name, too", () => {
    const own: [open: (client: never) => unknown, client: object, name: RegExp][] = [
      [redisStore, { createScript: method, publish: method }, /it is a client of @upstash\/redis/],
      [redisStore, { defineCommand: method, publish: method }, /it is a stand-in for a client of ioredis/],
      [
        postgresStore,
        Object.assign(() => undefined, { unsafe: method, transaction: method }),
        /it is the sql of neon\(\)/,
      ],
      [postgresStore, { query: method, exec: method, execProtocol: method }, /it is a PGlite/],
      [mariadbStore, { getConnection: method, query: method, activeConnections: method }, /of the package mariadb/],
      [mariadbOutbox, { getConnection: method, query: method, activeConnections: method }, /of the package mariadb/],
      [sqliteOutbox, { execute: method, executeMultiple: method, closed: false }, /it is a client of libSQL/],
      [sqliteStore, { executeMultiple: method, protocol: "http" }, /of a remote database \(http\), which is not supp/],
    ];
    for (const [open, client, name] of own) expect(() => open(client as never)).toThrow(name);
  });

  test("a store without transactions, in transactional mode: which ones have them", () => {
    expect(() => once({ mode: "transactional" })).toThrow(/postgresStore, mariadbStore or sqliteStore/);
  });
});

test.each([
  ["circuitBreaker window.calls", () => circuitBreaker({ window: { calls: 1.5 }, callsMin: 1 })],
  ["circuitBreaker callsMin", () => circuitBreaker({ callsMin: 1.5 })],
  ["circuitBreaker waitersMax", () => circuitBreaker({ waitersMax: 1.5 })],
  ["concurrencyLimit queueMax", () => concurrencyLimit({ runningMax: 1, queueMax: 1.5 })],
  ["hedge hedgesMax", () => hedge({ delayMs: 1, hedgesMax: 1.5 })],
  ["awsBudget transientCost", () => awsBudget({ transientCost: 1.5 })],
  ["awsBudget throttledCost", () => awsBudget({ throttledCost: 1.5 })],
])("%s has to be whole", (_, make) => {
  expect(make).toThrow(expect.objectContaining({ code: "ONCE_OPTION_INVALID" }));
});

test("other misuse is refused at once", () => {
  const invalid = expect.objectContaining({ code: "ONCE_OPTION_INVALID" });
  expect(() => onceWeb(undefined as never, handler)).toThrow(invalid);
  expect(() => onceWeb({ store, scope: "public" }, undefined as never)).toThrow(invalid);
  expect(() => onceNode({ store, scope: "public" }, undefined as never)).toThrow(invalid);
  for (const methods of ["POST", [], [1]]) expect(() => once({ methods })).toThrow(invalid);
  expect(() => once({ leaseMs: 5000, retentionMs: 5000 })).toThrow("longer than leaseMs, 5000");
  expect(() => circuitBreaker({ failureRatio: 0 })).toThrow("more than 0, up to 1");
});
