import { createHash } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import {
  type Break,
  byKeyAlone,
  freeingAtHangUp,
  mappedKey,
  replaying,
  storeDone,
  stuckAtHangUp,
  tableOf,
  workThenStore,
} from "./breaks.ts";
import type { HttpFault } from "./http-faults.ts";
import { ModelServer, problem, type Headers, type ModelAnswer } from "./right-server.ts";

type Record = Parameters<ModelServer["repeat"]>[0];

const { prototype } = ModelServer;

const cutAt =
  (length: number): Break =>
  (server) =>
    mappedKey(server, (key) => key.slice(0, length));

/** A fingerprint of a changed body. */
const ofBody =
  (change: (body: string) => string): Break =>
  (server) => ({ fingerprint: (call) => prototype.fingerprint.call(server, { ...call, body: change(call.body) }) });

const changedJson = (change: (value: object) => unknown) =>
  ofBody((body) => {
    try {
      return JSON.stringify({ body: change(JSON.parse(body) as object) });
    } catch {
      return body;
    }
  });

/** Every value inside of a JSON value, changed. */
function deep(value: unknown, change: (one: unknown) => unknown): unknown {
  if (Array.isArray(value)) return change(value.map((one) => deep(one, change)));
  if (typeof value !== "object" || value === null) return change(value);
  return change(Object.fromEntries(Object.entries(value).map(([name, one]) => [name, deep(one, change)])));
}

const duplicatesGet =
  (answer: ModelAnswer): Break =>
  () => ({ inProgress: () => answer });

const plain = (status: number, body = ""): ModelAnswer => ({ status, headers: [], body });

const forgetWhen =
  (isForgotten: (answer: ModelAnswer) => boolean): Break =>
  (server) => ({
    done(name, record, answer) {
      record.isDone = true;
      if (isForgotten(answer)) server.records.delete(name);
    },
  });

const sha = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A server that refuses a body that it knows under another key, as `idempot-js` demands it. */
const refusingKnownBodies =
  (answer: ModelAnswer): Break =>
  (server) => {
    const bodies = new Map<string, string>();
    return {
      async once(call) {
        const name = server.recordName(call);
        const owner = bodies.get(call.body);
        if (owner !== undefined && owner !== name) return answer;
        bodies.set(call.body, name);
        return prototype.once.call(server, call);
      },
    };
  };

/** Faults of servers in use, and of those that were published; beside those of `http-faults.ts`. */
export const moreDraftFaults: Readonly<{ [name: string]: HttpFault }> = {
  // A restart
  "keys-in-memory": {
    breaks: "R18",
    change: (server) => ({ load: ({ orders }) => prototype.load.call(server, { orders, records: [] }) }),
  },
  // Keys
  "key-cut-at-8": { breaks: "K08", change: cutAt(8) },
  "key-cut-at-32": { breaks: "K08", change: cutAt(32) },
  "key-cut-at-36": { breaks: "K08", change: cutAt(36) },
  "key-cut-at-64": { breaks: "K08", change: cutAt(64) },
  "key-cut-at-100": { breaks: "K08", change: cutAt(100) },
  "key-cut-at-128": { breaks: "K08", change: cutAt(128) },
  "key-cut-at-191": { breaks: "K08", change: cutAt(191) },
  "white-space-is-dropped-from-keys": {
    breaks: "K24",
    change: (server) => ({
      key: (values) =>
        prototype.key.call(
          server,
          values.map((value) => (/^".*"$/.test(value) ? value.replaceAll(" ", "") : value)),
        ),
    }),
  },
  "keys-are-names-of-files": {
    breaks: "K25",
    change: (server) => mappedKey(server, (key) => key.replaceAll(/[/:.]/g, "_")),
  },
  "the-policy-says-required-and-a-key-is-made-up": {
    breaks: "K26",
    change: (server) => ({
      key: (values) => (values.length === 0 ? crypto.randomUUID() : prototype.key.call(server, values)),
    }),
  },
  "end-of-the-key-only": { breaks: "K23", change: (server) => mappedKey(server, (key) => key.slice(-36)) },
  "prefix-stripped": { breaks: "K23", change: (server) => mappedKey(server, (key) => key.replace(/^[a-z]-/, "")) },
  "punctuation-dropped-from-keys": {
    breaks: "K21",
    change: (server) => mappedKey(server, (key) => key.replaceAll(/[^\da-z]/gi, "")),
  },
  "colons-separate-keys-from-tenants": {
    breaks: "K21",
    change: (server) => mappedKey(server, (key) => key.replaceAll(/[-_:]/g, "")),
  },
  "keys-are-numbers": {
    breaks: "K22",
    change: (server) => mappedKey(server, (key) => (/^\d+$/.test(key) ? String(Number(key)) : key)),
  },
  "keys-lose-leading-zeros": { breaks: "K22", change: (server) => mappedKey(server, (key) => key.replace(/^0+/, "")) },
  "keys-are-lower-case-in-a-header-map": {
    breaks: "K09",
    change: (server) => ({ recordName: (call) => `${server.scope(call.request)} ${call.key}`.toLowerCase() }),
  },
  "keys-pass-through-a-url": {
    breaks: "K10",
    change: (server) =>
      mappedKey(server, (key) => {
        const path = /%2f/i.test(key) ? key.replaceAll(/%2f/gi, "/") : key;
        return path;
      }),
  },
  "any-key-is-a-pattern": {
    breaks: "K11",
    change: (server) => ({
      recordName(call) {
        const wanted = `${server.scope(call.request)} ${call.key}`;
        if (!wanted.includes("%")) return wanted;
        const start = wanted.slice(0, wanted.indexOf("%"));
        return [...server.records.keys()].find((name) => name.startsWith(start)) ?? wanted;
      },
    }),
  },
  "the-last-of-two-keys-counts": {
    breaks: "K16",
    change: (server) => ({
      key: (values) => (values.length > 1 ? values.at(-1)! : prototype.key.call(server, values)),
    }),
  },
  "a-missing-key-is-an-empty-key": {
    breaks: "K13",
    change: (server) => ({ key: (values) => prototype.key.call(server, values.length === 0 ? ["none"] : values) }),
  },
  "the-unkeyed-are-merged-by-their-body": {
    breaks: "R16",
    change: (server) => ({
      key: (values) => (values.length === 0 ? undefined : prototype.key.call(server, values)),
      async work(call) {
        if (call.key !== "") return prototype.work.call(server, call);
        const known = server.records.get(sha(call.body));
        if (known !== undefined) return known.answer;
        const answer = prototype.work.call(server, call);
        server.records.set(sha(call.body), { fingerprint: "", answer, isDone: true, replays: 0 });
        return answer;
      },
    }),
  },

  // Replays
  "two-processes-without-a-store": {
    breaks: "R01",
    change: (server) => {
      let requests = 0;
      return { recordName: (call) => `${prototype.recordName.call(server, call)} in process ${(requests += 1) % 2}` };
    },
  },
  "stored-after-the-response": {
    breaks: "R01",
    change: (server) => ({
      async once(call) {
        const known = server.records.get(server.recordName(call));
        if (known !== undefined) return server.repeat(known, call);
        const answer = await server.work(call);
        void setTimeout(300).then(() => storeDone(server, call, answer));
        return answer;
      },
    }),
  },
  "never-completed": { breaks: "R02", change: () => ({ done: () => undefined }) },
  "a-replay-uses-the-record-up": {
    breaks: "R10",
    change: (server) => ({
      async repeat(record, call) {
        const answer = await prototype.repeat.call(server, record, call);
        if (answer.status < 400) server.records.delete(server.recordName(call));
        return answer;
      },
    }),
  },
  "replays-get-304": { breaks: "R02", change: replaying((answer) => ({ ...answer, status: 304, body: "" })) },
  "replays-get-208": { breaks: "R02", change: replaying((answer) => ({ ...answer, status: 208 })) },
  "replays-get-204": { breaks: "R02", change: replaying((answer) => ({ ...answer, status: 204, body: "" })) },
  "replays-are-cut-at-20-characters": {
    breaks: "R03",
    change: replaying((answer) => ({ ...answer, body: answer.body.slice(0, 20) })),
  },
  "replays-are-written-again": {
    breaks: "R03",
    change: replaying((answer) => ({ ...answer, body: answer.body.replaceAll(":", ": ") })),
  },
  "replays-are-json-in-json": {
    breaks: "R03",
    change: replaying((answer) => ({ ...answer, body: JSON.stringify(answer.body) })),
  },
  "replays-are-marked-in-the-body": {
    breaks: "R03",
    change: replaying((answer) => ({ ...answer, body: answer.body.replace("{", '{"duplicate":true,') })),
  },
  "replays-are-empty": { breaks: "R03", change: replaying((answer) => ({ ...answer, body: "" })) },
  "replays-are-plain-text": {
    breaks: "R04",
    change: replaying((answer) => ({
      ...answer,
      headers: answer.headers.map(([name, value]) => [name, name === "content-type" ? "text/plain" : value] as const),
    })),
  },
  "replays-lead-elsewhere": {
    breaks: "R05",
    change: replaying((answer) => ({
      ...answer,
      headers: answer.headers.map(([name, value]) => [name, name === "location" ? "/orders" : value] as const),
    })),
  },
  "a-table-of-four-keys": { breaks: "R13", change: tableOf(4) },
  "a-table-of-twenty-keys": { breaks: "R15", change: tableOf(20) },
  "a-cache-that-is-emptied-at-twenty-five": {
    breaks: "R15",
    change: (server) => ({
      done(_name, record) {
        record.isDone = true;
        if (server.records.size >= 25) server.records.clear();
      },
    }),
  },
  "a-known-body-is-refused-under-another-key": {
    breaks: "R17",
    change: refusingKnownBodies(plain(409, "this body was sent with a different key")),
  },
  "a-known-body-is-an-idempotency-conflict": {
    breaks: "R17",
    change: refusingKnownBodies(problem(422, "idempotency conflict")),
  },
  "a-known-body-gets-the-first-answer": {
    breaks: "R14",
    change: (server) => ({ recordName: ({ request, body }) => `${server.scope(request)} ${sha(body)}` }),
  },

  // Fingerprints
  "the-length-is-the-fingerprint": { breaks: "F01", change: ofBody((body) => String(body.length)) },
  "names-are-the-fingerprint": { breaks: "F01", change: changedJson((value) => Object.keys(value).sort()) },
  "no-fingerprint": { breaks: "F01", change: () => ({ fingerprint: () => "" }) },
  "reuse-gets-500": { breaks: "F01", change: () => ({ reused: () => plain(500, "unexpected") }) },
  "reuse-runs": { breaks: "F01", change: (server) => ({ reused: (_record, call) => server.work(call) }) },
  "reuse-overwrites-the-record": {
    breaks: "F02",
    change: (server) => ({
      reused: async (_record, call) => {
        await workThenStore(server, call);
        return problem(422, "another request");
      },
    }),
  },
  "the-last-bytes-are-the-fingerprint": { breaks: "F01", change: ofBody((body) => body.slice(-2)) },
  "nested-members-are-dropped": {
    breaks: "F20",
    change: changedJson((value) => JSON.stringify(value, Object.keys(value).sort())),
  },
  "arrays-are-sorted": {
    breaks: "F15",
    change: changedJson((value) => deep(value, (one) => (Array.isArray(one) ? one.map(String).sort() : one))),
  },
  "null-is-dropped": {
    breaks: "F16",
    change: changedJson((value) =>
      Object.entries(value)
        .filter(([, one]) => one !== null)
        .sort(([one], [other]) => (one < other ? -1 : 1)),
    ),
  },
  "numbers-are-texts": {
    breaks: "F17",
    change: changedJson((value) => deep(value, (one) => (typeof one === "number" ? String(one) : one))),
  },
  "bodies-without-case": { breaks: "F18", change: ofBody((body) => body.toLowerCase()) },
  "bodies-without-white-space": { breaks: "F19", change: ofBody((body) => body.replaceAll(/\s/g, "")) },
  "trace-in-the-fingerprint": {
    breaks: "F07",
    change: (server) => ({
      fingerprint: (call) =>
        `${prototype.fingerprint.call(server, call)} ${String(call.request.headers["traceparent"])}`,
    }),
  },
  "via-in-the-fingerprint": {
    breaks: "F07",
    change: (server) => ({
      fingerprint: (call) => `${prototype.fingerprint.call(server, call)} ${String(call.request.headers.via)}`,
    }),
  },
  "framing-in-the-fingerprint": {
    breaks: "F08",
    change: (server) => ({
      fingerprint: (call) => prototype.fingerprint.call(server, call),
      async once(call) {
        if (call.request.headers["content-length"] !== undefined) return prototype.once.call(server, call);
        return server.work(call);
      },
    }),
  },

  "replays-are-written-anew-by-accept": {
    breaks: "F21",
    change: (server) => ({
      replayed(answer, record, call) {
        if (!call.request.headers.accept?.startsWith("text/plain"))
          return prototype.replayed.call(server, answer, record, call);
        const headers: Headers = [
          ["content-type", "text/plain"],
          ["idempotent-replayed", "true"],
        ];
        return { status: answer.status, headers, body: `order ${server.orders}` };
      },
    }),
  },
  "accept-encoding-is-a-part-of-the-key": {
    breaks: "F21",
    change: (server) => ({
      recordName: ({ request, key }) => `${server.scope(request)} ${key} ${request.headers["accept-encoding"] ?? ""}`,
    }),
  },

  // Concurrency
  "one-tick-between-check-and-insert": {
    breaks: "C01",
    change: (server) => ({
      async once(call) {
        const known = server.records.get(server.recordName(call));
        await setTimeout(1);
        return known === undefined ? workThenStore(server, call) : server.repeat(known, call);
      },
    }),
  },
  "a-queue-that-does-not-look-again": {
    breaks: "C01",
    change: (server) => {
      let last: Promise<unknown> = Promise.resolve();
      return {
        once(call) {
          if (server.records.has(server.recordName(call))) return prototype.once.call(server, call);
          const answer = last.then(() => workThenStore(server, call));
          last = answer.catch(() => undefined);
          return answer;
        },
      };
    },
  },
  "a-lease-shorter-than-the-work": {
    breaks: "C03",
    change: (server) => {
      let duplicates = 0;
      return {
        inProgress(_record, call) {
          duplicates += 1;
          return duplicates > 3 ? server.work(call) : problem(409, "in progress");
        },
      };
    },
  },
  "duplicates-get-an-empty-200": { breaks: "C01", change: duplicatesGet(plain(200)) },
  "duplicates-get-202": { breaks: "C01", change: duplicatesGet(plain(202, '{"status":"accepted"}')) },
  "duplicates-get-500": { breaks: "C01", change: duplicatesGet(plain(500, "unique constraint violated")) },
  "duplicates-wait-for-504": {
    breaks: "C01",
    change: duplicatesGet(plain(504, "lock wait time-out")),
  },
  "duplicates-get-400": { breaks: "C05", change: duplicatesGet(plain(400, "duplicate key")) },
  "duplicates-get-422": { breaks: "C05", change: duplicatesGet(problem(422, "in progress")) },
  "duplicates-get-423": { breaks: "C05", change: duplicatesGet(problem(423, "locked")) },
  "duplicates-get-503": { breaks: "C05", change: duplicatesGet(problem(503, "busy")) },
  "a-pool-of-five": {
    breaks: "C07",
    change: (server) => {
      let running = 0;
      return {
        async once(call) {
          if (running >= 5) return plain(500, "no connection left");
          running += 1;
          return prototype.once.call(server, call).finally(() => (running -= 1));
        },
      };
    },
  },
  "the-409-outlives-the-work": {
    breaks: "C09",
    change: (server) => {
      const met = new Set<string>();
      return {
        inProgress(_record, call) {
          met.add(server.recordName(call));
          return problem(409, "in progress");
        },
        async repeat(record, call) {
          if (met.has(server.recordName(call))) return problem(409, "in progress");
          return prototype.repeat.call(server, record, call);
        },
      };
    },
  },
  "duplicates-share-a-body": {
    breaks: "C08",
    change: () => ({ repeat: (record: Record) => record.answer }),
  },

  // Disconnects
  "stored-on-finish-only": { breaks: "D09", change: stuckAtHangUp },
  "a-record-dies-with-its-connection": { breaks: "D02", change: freeingAtHangUp },
  "half-a-body-is-a-failure-that-is-stored": {
    breaks: "D05",
    change: (server) => ({
      broken(call) {
        const answer = problem(400, "half a request");
        storeDone(server, call, answer);
        return answer;
      },
    }),
  },

  // Scope
  "one-table-for-a-shared-address": {
    breaks: "S01",
    change: () => ({ recordName: ({ request, key }) => `${String(request.socket.remoteAddress)} ${key}` }),
  },
  "a-hash-of-the-credential-is-the-scope": {
    breaks: "S06",
    change: () => ({ scope: (request) => sha(request.headers.authorization ?? "") }),
  },
  "a-tenant-learns-of-anothers-key": {
    breaks: "S02",
    change: (server) => ({
      ...byKeyAlone(),
      async repeat(record, call) {
        return owners.get(record) === server.scope(call.request)
          ? prototype.repeat.call(server, record, call)
          : problem(409, "another account uses this key");
      },
      done(_name, record, _answer, call) {
        record.isDone = true;
        owners.set(record, server.scope(call.request));
      },
    }),
  },

  // Errors
  "a-refusal-is-stored-and-not-marked": {
    breaks: "E07",
    change: () => ({
      reused: (record) =>
        record.answer.then((answer) => (answer.status === 400 ? answer : problem(422, "another request"))),
    }),
  },
  "every-error-frees-the-key": { breaks: "E06", change: forgetWhen(({ status }) => status >= 400) },
  "all-but-201-frees-the-key": { breaks: "E06", change: forgetWhen(({ status }) => status !== 201) },
  "a-failure-says-not-found-when-repeated": {
    breaks: "E04",
    change: replaying((answer) => (answer.status === 400 ? { ...answer, status: 404 } : answer)),
  },
  "refusals-have-effects-when-repeated": {
    breaks: "E03",
    change: (server) => ({
      replayed: async (answer, record, call) => {
        if (answer.status === 400) server.orders += 1;
        return prototype.replayed.call(server, answer, record, call);
      },
    }),
  },
};

const owners = new WeakMap<object, string>();
