import { setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import {
  type Break,
  arrivesLate,
  byKeyAlone,
  changedKey,
  fingerprinting,
  forgetting,
  freeingAtHangUp,
  keepOnceSent,
  keysOf,
  likeName,
  mappedKey,
  owners,
  racing,
  replaying,
  rerunningAtMismatch,
  stuck,
  tableOf,
  without,
  withoutPart,
} from "./breaks.ts";
import { canonicalBody } from "./canonical-json.ts";
import { ModelServer, problem } from "./right-server.ts";

/** A fault of a server that is held to the draft: the case that must find it, and a change to the right server. */
export interface HttpFault {
  readonly breaks: string;
  readonly change: Break;
}

/** At least one fault for each case, in few lines. `more-http-faults.ts` has others of the same cases. */
export const draftFaults: Readonly<Record<string, HttpFault>> = {
  // Key syntax
  "quotes-refused": {
    breaks: "K01",
    change: (server) => changedKey(server, ([value]) => (value?.startsWith('"') ? problem(400, "quotes") : undefined)),
  },
  "bare-keys-refused": {
    breaks: "K02",
    change: (server) =>
      changedKey(server, ([value]) => (value?.startsWith('"') ? undefined : problem(400, "no quotes"))),
  },
  "quotes-are-part-of-the-key": { breaks: "K03", change: () => ({ key: ([value]) => value ?? problem(400, "") }) },
  // Node's parser takes the white space away, so what is left to break is every repeat.
  "a-new-key-for-each-request": { breaks: "K04", change: (server) => changedKey(server, () => crypto.randomUUID()) },
  "header-found-in-one-case-only": {
    breaks: "K05",
    change: () => ({ keyValues: (request) => (request.rawHeaders.includes("IDEMPOTENCY-KEY") ? [] : keysOf(request)) }),
  },
  "parameters-are-part-of-the-key": {
    breaks: "K06",
    change: (server) => changedKey(server, ([value]) => (value?.includes(";") ? value : undefined)),
  },
  "long-keys-are-ignored": {
    breaks: "K07",
    change: (server) => changedKey(server, ([value]) => ((value?.length ?? 0) > 100 ? crypto.randomUUID() : undefined)),
  },
  "key-cut-at-255": { breaks: "K08", change: () => ({ key: ([value]) => value?.slice(0, 255) }) },
  "keys-without-case": { breaks: "K09", change: (server) => mappedKey(server, (key) => key.toLowerCase()) },
  "keys-are-url-decoded": {
    breaks: "K10",
    change: (server) => mappedKey(server, (key) => decodeURIComponent(key.replace(/%(?![\da-f]{2})/gi, "%25"))),
  },
  "keys-compared-by-like": {
    breaks: "K11",
    change: (server) => ({
      recordName: (call) => likeName([...server.records.keys()], `${server.scope(call.request)} ${call.key}`),
    }),
  },
  "keys-put-into-sql": {
    breaks: "K12",
    change: (server) => changedKey(server, ([value]) => (value?.includes("'") ? problem(500, "SQL") : undefined)),
  },
  "a-key-is-made-up": {
    breaks: "K13",
    change: (server) => changedKey(server, (values) => (values.length === 0 ? crypto.randomUUID() : undefined)),
  },
  "the-empty-key-is-a-key": {
    breaks: "K14",
    change: (server) => changedKey(server, ([value]) => (value === "" ? "(empty)" : undefined)),
  },
  "the-empty-string-is-a-key": {
    breaks: "K15",
    change: (server) => changedKey(server, ([value]) => (value === '""' ? "(empty)" : undefined)),
  },
  "first-of-two-keys": {
    breaks: "K16",
    change: (server) => changedKey(server, (values) => (values.length > 1 ? values[0] : undefined)),
  },
  "last-of-a-repeated-key": {
    breaks: "K17",
    change: (server) => changedKey(server, (values) => (values.length > 1 ? values.at(-1) : undefined)),
  },
  "open-quote-is-a-key": {
    breaks: "K18",
    change: (server) => changedKey(server, ([value]) => (/^"[^"]*$/.test(value ?? "") ? value : undefined)),
  },
  "text-after-a-quote-is-dropped": {
    breaks: "K19",
    change: (server) => changedKey(server, ([value]) => /^"([^"]*)"x$/.exec(value ?? "")?.[1]),
  },
  "bytes-beyond-ascii-in-keys": {
    breaks: "K20",
    change: (server) => changedKey(server, ([value]) => (/[\x80-\xff]/.test(value ?? "") ? value : undefined)),
  },
  "quoted-keys-are-trimmed": {
    breaks: "K24",
    change: (server) => changedKey(server, ([value]) => /^" *([\x21\x23-\x7e]+) *"$/.exec(value ?? "")?.[1]),
  },
  "punctuation-becomes-a-dash": {
    breaks: "K25",
    change: (server) => mappedKey(server, (key) => key.replaceAll(/[^\da-z]/gi, "-")),
  },
  "the-policy-says-that-keys-are-optional": {
    breaks: "K26",
    change: () => ({ policy: "optional, retention=604800, key-length=255" }),
  },
  "the-policy-says-300-characters": {
    breaks: "K27",
    change: () => ({ policy: "required, retention=604800, key-length=300" }),
  },
  // Replay
  "repeats-are-refused": {
    breaks: "R01",
    change: () => ({ repeat: (_record, call) => Promise.resolve(problem(400, `seen ${call.key}`)) }),
  },
  "replays-get-200": { breaks: "R02", change: replaying((answer) => ({ ...answer, status: 200 })) },
  "replays-get-another-byte": {
    breaks: "R03",
    change: replaying((answer) => ({ ...answer, body: `${answer.body} ` })),
  },
  "replays-lose-the-content-type": { breaks: "R04", change: replaying((answer) => without(answer, "content-type")) },
  "replays-lose-the-location": { breaks: "R05", change: replaying((answer) => without(answer, "location")) },
  "replays-lose-other-headers": { breaks: "R06", change: replaying((answer) => without(answer, "x-order")) },
  "headers-in-a-map": {
    breaks: "R07",
    change: replaying((answer) => ({ ...answer, headers: Object.entries(Object.fromEntries(answer.headers)) })),
  },
  "cookies-are-replayed": { breaks: "R08", change: () => ({ replayed: (answer) => answer }) },
  "first-responses-are-marked": {
    breaks: "R09",
    change: (server) => ({
      async work(call) {
        const answer = await ModelServer.prototype.work.call(server, call);
        return { ...answer, headers: [...answer.headers, ["idempotent-replayed", "true"]] };
      },
    }),
  },
  "record-used-up-by-three-replays": { breaks: "R10", change: forgetting((record) => record.replays > 2) },
  "keys-per-connection": {
    breaks: "R11",
    change: () => {
      const seen = new WeakSet<object>();
      return {
        recordName({ request: { socket }, key }) {
          if (seen.has(socket)) return crypto.randomUUID();
          seen.add(socket);
          return key;
        },
      };
    },
  },
  "forgotten-after-40-ms": {
    breaks: "R12",
    change: (server) => ({
      done(name, record) {
        record.isDone = true;
        void setTimeout(40).then(() => server.records.delete(name));
      },
    }),
  },
  "only-the-last-key-is-known": {
    breaks: "R13",
    change: (server) => ({
      done(name, record) {
        record.isDone = true;
        for (const other of server.records.keys()) if (other !== name) server.records.delete(other);
      },
    }),
  },
  "the-body-is-the-key": { breaks: "R14", change: (server) => ({ recordName: (call) => server.fingerprint(call) }) },
  "a-table-of-a-hundred-keys": { breaks: "R19", change: tableOf(100) },
  "compressed-replays": {
    breaks: "R20",
    change: (server) => ({
      async work(call) {
        const answer = await ModelServer.prototype.work.call(server, call);
        if (!/gzip/.test(call.request.headers["accept-encoding"]?.toString() ?? "")) return answer;
        return { ...answer, headers: [...answer.headers, ["content-encoding", "gzip"]], bytes: gzipSync(answer.body) };
      },
    }),
  },
  // Fingerprint
  "another-body-gets-the-first-answer": { breaks: "F01", change: () => ({ reused: (record) => record.answer }) },
  "reuse-deletes-the-record": {
    breaks: "F02",
    change: (server) => ({
      reused(_record, call) {
        server.records.delete(server.recordName(call));
        return problem(422, "and gone");
      },
    }),
  },
  "first-1000-bytes-are-the-fingerprint": {
    breaks: "F03",
    change: () => ({ fingerprint: ({ body }) => body.slice(0, 1000) }),
  },
  "another-order-of-members-runs": { breaks: "F04", change: rerunningAtMismatch },
  "another-layout-runs": { breaks: "F05", change: rerunningAtMismatch },
  "another-charset-runs": { breaks: "F06", change: rerunningAtMismatch },
  "user-agent-in-the-fingerprint": {
    breaks: "F07",
    change: (server) => fingerprinting(server, ({ request }) => request.headers["user-agent"]),
  },
  "chunked-bodies-have-no-key": {
    breaks: "F08",
    change: () => ({
      recordName: ({ request, key }) =>
        `${key} ${request.headers["transfer-encoding"] === undefined ? "" : crypto.randomUUID()}`,
    }),
  },
  "the-query-is-part-of-the-key": {
    breaks: "F09",
    change: (server) => ({ recordName: ({ request, key }) => `${server.scope(request)} ${key} ${request.url}` }),
  },
  "the-query-is-ignored": { breaks: "F10", change: withoutPart(({ url = "" }) => ({ url: url.split("?")[0] })) },
  "the-method-is-ignored": { breaks: "F11", change: withoutPart(() => ({ method: "ANY" })) },
  "the-path-is-ignored": {
    breaks: "F12",
    change: withoutPart(({ url = "" }) => ({ url: `/?${url.split("?")[1] ?? ""}` })),
  },
  "gets-are-answered-from-records": {
    breaks: "F13",
    change: (server) => ({
      async answer(request) {
        const known = server.records.get(`${server.scope(request)} ${keysOf(request)[0]?.replaceAll('"', "")}`);
        if (request.method === "GET" && known !== undefined) return known.answer;
        return ModelServer.prototype.answer.call(server, request);
      },
    }),
  },
  "the-media-type-is-ignored": {
    breaks: "F14",
    change: withoutPart(({ headers }) => ({ headers: { ...headers, "content-type": "any/type" } })),
  },
  "accept-is-a-part-of-the-key": {
    breaks: "F21",
    change: (server) => ({
      recordName: ({ request, key }) => `${server.scope(request)} ${key} ${request.headers.accept ?? ""}`,
    }),
  },
  "1000-characters-of-canonical-json-are-the-fingerprint": {
    breaks: "F22",
    change: () => ({ fingerprint: ({ body }) => canonicalBody(body).slice(0, 1000) }),
  },
  "numbers-are-doubles": {
    breaks: "F23",
    change: (server) => ({
      fingerprint: (call) => ModelServer.prototype.fingerprint.call(server, { ...call, body: rewritten(call.body) }),
    }),
  },
  // Concurrency
  "check-then-work-then-insert": { breaks: "C01", change: racing },
  "check-then-insert-pairs": { breaks: "C02", change: racing },
  "check-then-insert-staggered": { breaks: "C03", change: racing },
  "check-then-insert-pipelined": { breaks: "C04", change: racing },
  "in-progress-says-425": { breaks: "C05", change: () => ({ inProgress: () => problem(425, "too early") }) },
  "in-progress-without-retry-after": {
    breaks: "C06",
    change: () => ({ inProgress: () => without(problem(409, "in progress"), "retry-after") }),
  },
  "one-lock-for-all-keys": {
    breaks: "C07",
    change: (server) => {
      let running = 0;
      return {
        async once(call) {
          if (running > 0) return problem(409, "one at a time, please");
          running += 1;
          return ModelServer.prototype.once.call(server, call).finally(() => (running -= 1));
        },
      };
    },
  },
  "fingerprint-checked-when-done": {
    breaks: "C08",
    change: (server) => ({
      async repeat(record, call) {
        // Its fingerprint is looked at only when it is done.
        return record.isDone ? ModelServer.prototype.repeat.call(server, record, call) : record.answer;
      },
    }),
  },
  "the-409-is-stored": {
    breaks: "C09",
    change: (server) => ({
      inProgress(_record, call) {
        server.records.set(server.recordName(call), stuck(server, call));
        return problem(409, "for ever");
      },
    }),
  },
  // Disconnects
  "hang-up-frees-the-key": { breaks: "D01", change: freeingAtHangUp },
  "reset-frees-the-key": { breaks: "D02", change: freeingAtHangUp },
  "stored-only-when-read": {
    breaks: "D03",
    change: (server) => ({ done: (name, record, _answer, call) => keepOnceSent(server, name, record, call) }),
  },
  "each-hang-up-frees-the-key": { breaks: "D04", change: freeingAtHangUp },
  "half-bodies-run": { breaks: "D05", change: (server) => ({ broken: (call) => server.once(call) }) },
  "first-piece-is-the-body": {
    breaks: "D06",
    change: (server) => ({
      async body(request) {
        const isSplit = await arrivesLate(request);
        const read = await ModelServer.prototype.body.call(server, request);
        return isSplit ? { ...read, body: read.body.slice(0, 4) } : read;
      },
    }),
  },
  "expect-refused": {
    breaks: "D07",
    change: (server) => ({
      async answer(request) {
        if (request.headers.expect !== undefined) return problem(417, "expect nothing");
        return ModelServer.prototype.answer.call(server, request);
      },
    }),
  },
  "key-claimed-before-the-body": {
    breaks: "D08",
    change: (server) => {
      const reading = new Set<string>();
      return {
        async answer(request) {
          const key = keysOf(request)[0] ?? "";
          if (reading.has(key)) return problem(409, "its body is still to come");
          reading.add(key);
          return ModelServer.prototype.answer.call(server, request).finally(() => reading.delete(key));
        },
      };
    },
  },
  // Scope
  "keys-of-all-in-one-table": { breaks: "S01", change: byKeyAlone },
  "keys-block-other-tenants": { breaks: "S02", change: byKeyAlone },
  "the-other-tenant-overwrites": {
    breaks: "S03",
    change: (server) => ({
      recordName: ({ key }) => key,
      async once(call) {
        const record = server.records.get(call.key);
        const owner = owners.get(record ?? {});
        if (record !== undefined && owner !== server.scope(call.request)) server.records.delete(call.key);
        const answer = await ModelServer.prototype.once.call(server, call);
        owners.set(server.records.get(call.key)!, server.scope(call.request));
        return answer;
      },
    }),
  },
  "one-lock-for-all-tenants": { breaks: "S04", change: byKeyAlone },
  "replays-before-authentication": {
    breaks: "S05",
    change: () => ({ recordName: ({ key }) => key, admits: () => undefined }),
  },
  "name-and-key-are-joined": {
    breaks: "S07",
    change: (server) => ({ recordName: ({ request, key }) => `${server.scope(request)}${key}` }),
  },
  // Errors
  "missing-key-unexplained": {
    breaks: "E01",
    change: (server) =>
      changedKey(server, (values) => (values.length === 0 ? { status: 400, headers: [], body: "no" } : undefined)),
  },
  "reuse-unexplained": { breaks: "E02", change: () => ({ reused: () => ({ status: 422, headers: [], body: "no" }) }) },
  "effect-before-validation": {
    breaks: "E03",
    change: (server) => ({
      async work(call) {
        const before = server.orders;
        const answer = await ModelServer.prototype.work.call(server, call);
        if (answer.status === 400) server.orders = before + 1;
        return answer;
      },
    }),
  },
  "a-replayed-refusal-gets-200": {
    breaks: "E04",
    change: replaying((answer) => (answer.status === 400 ? { ...answer, status: 200 } : answer)),
  },
  "a-correction-gets-200-and-nothing": {
    breaks: "E05",
    change: () => ({ reused: (record) => record.answer.then((answer) => ({ ...answer, status: 200 })) }),
  },
  "failures-free-the-key": {
    breaks: "E06",
    change: (server) => ({
      done(name, record, { status }) {
        record.isDone = true;
        if (status >= 500) server.records.delete(name);
      },
    }),
  },
  "a-stored-refusal-answers-the-correction": {
    breaks: "E07",
    change: (server) => ({
      async reused(record, call) {
        const answer = await record.answer;
        return answer.status === 400
          ? ModelServer.prototype.replayed.call(server, answer, record, call)
          : problem(422, "another request");
      },
    }),
  },
  "failures-are-replayed-as-successes": {
    breaks: "E08",
    change: (server) => ({
      work: async (call) =>
        call.body.includes('"fail":true')
          ? { status: 500, headers: [], body: "failed" }
          : ModelServer.prototype.work.call(server, call),
      replayed: async (answer, record, call) =>
        answer.status < 500
          ? ModelServer.prototype.replayed.call(server, answer, record, call)
          : { status: 201, headers: [], body: "" },
    }),
  },
  "a-failure-holds-its-key": {
    breaks: "E09",
    change: () => ({ done: (_name, record, { status }) => void (record.isDone = status < 500) }),
  },
};

/** JSON as JavaScript reads and writes it. */
function rewritten(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body));
  } catch {
    return body;
  }
}
