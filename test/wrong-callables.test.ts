import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { modules } from "../scripts/entries.ts";
import { memoryStore } from "../packages/once-again/src/stores/memory/index.ts";

// Whatever is called later, and whatever another library's client must be, is checked when it is given: in JavaScript nothing else does,
// and a call of what is no function fails in the middle of an operation, where it looks like a failure of the network.

type Make = (wrong: unknown) => unknown;
type AnyFunction = (...given: readonly unknown[]) => unknown;

const root = join(import.meta.dirname, "..");
/** Every function that the library's entries export, by entry and name. */
const exported = new Map<string, AnyFunction>();
for (const { specifier, source } of modules) {
  if (!/^once-again(\/|$)/.test(specifier) || specifier.includes("internal")) continue;
  const entry = (await import(pathToFileURL(join(root, source)).href)) as Record<string, unknown>;
  for (const [name, value] of Object.entries(entry))
    if (typeof value === "function") exported.set(`${specifier} ${name}`, value as AnyFunction);
}

const store = memoryStore();
const fn = (): undefined => undefined;
const route = { store, scope: "public" };
const intentStore = { postpone: fn };
let scopes = 0;
const rules = () => ({ store, scope: `s${(scopes += 1)}`, key: fn });

/** One attempt for each of these options: `make` gets options that are right but for that one. */
const options = (names: readonly string[], make: (wrong: object) => unknown): readonly Make[] =>
  names.map((name) => (wrong) => make({ [name]: wrong }));

/** The attempts for an exported function, by entry and name. */
const table = new Map<string, readonly Make[]>();
const add = (names: string, attempts: (call: AnyFunction) => readonly Make[]): void => {
  for (const name of names.split(" ")) {
    const key = `once-again${name}`.replace("#", " ");
    const call = exported.get(key);
    if (call === undefined) throw new Error(`There is no ${key}.`);
    table.set(key, attempts(call));
  }
};

const first = (call: AnyFunction): readonly Make[] => [(wrong) => call(wrong)];
const retryNames = ["backoff", "budget", "onEvent", "clock", "random"];
const sendingNames = [...retryNames, "layers", "shouldRetry"];
const engineNames = ["store", "onEvent", "onError", "clock", "random"];

add("#retry", (call) => [
  (wrong) => call(wrong),
  ...options([...retryNames, "decide", "signal"], (one) => call(fn, one)),
]);
add("#sleep", (call) => [(wrong) => call(wrong, 1)]);
add("#exponentialBackoff #linearBackoff #fibonacciBackoff", (call) => options(["jitter"], call));
add("#successBudget /budgets#successBudget /budgets#awsBudget /budgets#finagleBudget", (call) =>
  options(["clock"], call),
);
add("/aws#awsRetryStrategy", (call) => options(["backoff", "budget", "clock", "random"], call));
add("/agents#onceTools", (call) => [(wrong) => call(wrong, {})]);
add("/agents#openRun", (call) => options(["store"], (one) => call({ ...one, run: "a" })));
add("/axios#retryingAdapter", (call) => [(wrong) => call(wrong), ...options(sendingNames, (one) => call(fn, one))]);
add("/client#retryingFetch", (call) => options([...sendingNames, "fetch"], call));
add("/undici#undiciFetch", (call) => [(wrong) => call(wrong), ...options(["dispatcher"], (one) => call(fn, one))]);
add("/undici#retryInterceptor", (call) => [(wrong) => (call() as Make)(wrong), (wrong) => call(wrong)]);
add("/cloudflare#d1Store /cloudflare#durableObjectStore", first);
add("/cloudflare#handleQueueBatch", (call) => [(wrong) => call(wrong, { messages: [], queue: "a" }, {})]);
add("/engine#leasedEngine", (call) => [
  (wrong) => call(wrong, {}),
  ...options(["clock", "onEvent", "onError", "random"], (one) => call(store, one)),
]);
add("/engine#transactionalEngine", (call) => [(wrong) => call(wrong, {})]);
add("/express#onceExpress /fastify#onceFastify /hono#onceHono /koa#onceKoa /nest#onceNest /http#onceHttp", (call) =>
  options(engineNames, (one) => call({ ...route, ...one })),
);
add("/web#onceWeb /node#onceNode /lambda#onceLambdaHttp", (call) => [
  ...options(engineNames, (one) => call({ ...route, ...one }, fn)),
  (wrong) => call(route, wrong),
]);
add("/lambda#onceDurable", (call) => [
  ...options([...engineNames, "key", "hadNoEffect", "refusals", "codec", "hasEnded"], (one) =>
    call({ ...rules(), ...one }, fn),
  ),
  (wrong) => call(rules(), wrong),
]);
add("/function#onceFunction /lambda#onceLambda", (call) => [
  ...options([...engineNames, "key", "hadNoEffect", "refusals", "codec"], (one) => call({ ...rules(), ...one }, fn)),
  (wrong) => call(rules(), wrong),
]);
add(
  "/lambda#onceDynamodbStream /lambda#onceEventBridge /lambda#onceKinesis /lambda#onceS3 /lambda#onceSns /lambda#onceSqs",
  (call) => [
    ...options([...engineNames, "key"], (one) => call({ ...rules(), ...one }, fn)),
    (wrong) => call(rules(), wrong),
  ],
);
add("/intents#openIntents", (call) =>
  options([...sendingNames, "store", "fetch", "headersAtSend", "resumeBackoff"], (one) =>
    call({ store: intentStore, ...one }),
  ),
);
add("/intents#onceMutation", (call) => [(wrong) => call(wrong, "id")]);
add("/intents#onceMutationFn", (call) => [
  (wrong) => call(wrong, { request: fn, id: fn }),
  (wrong) => call({ submit: fn }, wrong),
]);
add("/layers#circuitBreaker", (call) => options(["clock", "isFailure"], call));
add("/layers#adaptiveThrottle", (call) => options(["clock", "random", "isFailure"], call));
add("/layers#compose", first);
add("/layers#concurrencyLimit", (call) => options(["clock"], (one) => call({ runningMax: 3, ...one })));
add("/layers#hedge", (call) => options(["budget", "clock"], (one) => call({ delayMs: 3, ...one })));
add("/layers#noticeNestedRetries", first);
add("/layers#retrying", (call) => options(retryNames, call));
add("/layers#run", (call) => [(wrong) => call(wrong), (wrong) => call(fn, wrong)]);
add("/connect#onceConnect", (call) => options(["store"], (one) => call({ scope: "public", ...one })));
add("/connect#retryingConnect", (call) => options(["backoff", "budget", "clock", "onEvent", "random"], call));
add("/mcp#onceTool", (call) => [(wrong) => call(wrong, "name", {}, fn)]);
add("/mcp#openToolCalls", (call) => options(["store"], (one) => call({ scope: "tools", ...one })));
add("/opentelemetry#clientTelemetry /opentelemetry#messageTelemetry /opentelemetry#serverTelemetry", (call) => [
  (wrong) => call(wrong),
  ...options(["tracer", "meter"], (one) => call(one)),
]);
add("/opentelemetry#combineListeners", first);
add(
  "/inbox#consumeJetstream /inbox#consumeKafka /inbox#consumeRabbitmq /inbox#consumeRedisStreams /inbox#consumeSqs",
  (call) => [(wrong) => call(wrong, {}, fn), (wrong) => call({}, {}, wrong)],
);
add("/inbox#bullmqProcessor", (call) => [(wrong) => call(wrong, {})]);
add("/inbox#openInbox", (call) => options(["store", "onEvent"], (one) => call({ store, consumer: "mail", ...one })));
add("/outbox#openRelay", (call) =>
  options(["outbox", "publish"], (one) => call({ outbox: { claim: fn }, publish: fn, ...one })),
);
add("/outbox#publishToEventBridge /outbox#publishToSns /outbox#publishToSqs", (call) => [
  (wrong) => call(wrong, { queueUrl: "http://a", topicArn: "a", busName: "b", source: "s" }),
]);
add("/outbox#publishToHttp", (call) =>
  options(["fetch", "headers"], (one) => call({ url: "http://shop.example", ...one })),
);
add("/outbox#publishToJetstream /outbox#publishToRabbitmq", (call) => [
  (wrong) => call(wrong, { subject: "a", exchange: "a" }),
]);
add("/outbox#publishToKafka /outbox#publishToRedisStreams", first);
add("/stores#sealedStore", (call) => [(wrong) => call(wrong, [])]);
add("/stores/dynamodb#dynamodbOutbox /stores/dynamodb#dynamodbStore", (call) => [
  (wrong) => call(wrong, { table: "t" }),
]);
add("/stores/dynamodb/without-sdk#dynamodbOutbox /stores/dynamodb/without-sdk#dynamodbStore", (call) => [
  (wrong) => call(wrong, { table: "t" }),
]);
add(
  "/stores/mariadb#mariadbOutbox /stores/mariadb#mariadbStore /stores/nats#natsStore /stores/redis#redisStore /stores/redis#upstash",
  first,
);
add("/stores/postgres#postgresStore /stores/postgres#postgresOutbox /stores/postgres#postgresIntents", first);
add("/stores/postgres#onceWithin", (call) => [(wrong) => call(wrong, {}, fn), (wrong) => call(fn, {}, wrong)]);
add(
  "/stores/postgres#mikroOrmTransactions /stores/postgres#prismaTransactions /stores/postgres#sequelizeTransactions /stores/postgres#typeOrmTransactions",
  first,
);
add(
  "/stores/mariadb#fromKnex /stores/mariadb#fromKysely /stores/postgres#fromDrizzle /stores/postgres#fromKnex /stores/postgres#fromKysely /stores/postgres#fromMikroOrm /stores/postgres#fromPg /stores/postgres#fromPostgresJs /stores/postgres#fromPrisma /stores/postgres#fromSequelize /stores/postgres#fromTypeOrm",
  first,
);
add("/stores/sqlite#sqliteStore /stores/sqlite#sqliteOutbox /stores/sqlite#sqliteIntents", first);
add("/stores/react-native#reactNativeIntents /stores/indexeddb#resumeOn", first);
add("/webhooks#webhookRoute", (call) =>
  options(["verify"], (one) => call({ endpoint: "a", verify: fn, store, ...one })),
);

/** The functions of the library that are given nothing to call, and no client. */
const takeNeither =
  /#(OnceAgainError|constantBackoff|decorrelatedBackoff|decideByDefault|\w+Jitter|seededRandom|boundedJitter|grpcBudget|onceObject|readAttempt|errorVerdict|isIdempotentMethod|isSafeMethod|parseRetryAfter|statusVerdict|waitHint|NoEffectError|heldError|keepRawBody|noEffectErrors|ByteCollector|decodeResponse|encodeResponse|graphqlFailure|userExecution|deriveKey|fingerprint|formatKey|keyTime|makeKey|parseKey|Once|OnceModule|OnceRoutes|Operation|executionOf|readJson|rejectedError|refusedError|unavailableError|signWebhooks|useOnceMutation|encodeDetails|firstRecords|inspectRecord|isExpired|recordOperations|settlementNote|transition|indexeddbIntents|dynamodbClient|memoryStore|memoryIntents|\w+Webhooks)$/;

test("every exported function is in the table, or is given nothing to call", () => {
  const missing = [...exported.keys()].filter((name) => !table.has(name) && !takeNeither.test(name.replace(" ", "#")));
  const needless = [...table.keys()].filter((name) => takeNeither.test(name.replace(" ", "#")));
  expect({ missing, needless }).toEqual({ missing: [], needless: [] });
});

const wrongValues: readonly unknown[] = ["http", 7, { nothing: 1 }, ["http"]];

describe.each([...table])("%s", (_name, attempts) => {
  test("refuses what can't be called, when it is given it", async () => {
    for (const make of attempts) {
      for (const wrong of wrongValues) {
        const made = (async (): Promise<unknown> => make(wrong))();
        await expect(made, `${make.toString()} of ${JSON.stringify(wrong)}`).rejects.toMatchObject({
          name: "OnceAgainError",
          code: "ONCE_OPTION_INVALID",
        });
      }
    }
  });
});
