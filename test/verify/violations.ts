import { setTimeout } from "node:timers/promises";
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
  without,
} from "./breaks.ts";
import { ModelServer, problem } from "./model-server.ts";

/** A server for each case, which breaks its rule, in few lines; as a change to one that keeps them all. */
export const violations: Readonly<Record<string, Break>> = {
  // Key syntax
  K01: (server) => changedKey(server, ([value]) => (value?.startsWith('"') ? problem(400, "quotes") : undefined)),
  K02: (server) => changedKey(server, ([value]) => (value?.startsWith('"') ? undefined : problem(400, "no quotes"))),
  K03: () => ({ key: ([value]) => value ?? problem(400, "") }),
  // Node's parser takes the white space away, so what is left to break is every repeat.
  K04: (server) => changedKey(server, () => crypto.randomUUID()),
  K05: () => ({ keyValues: (request) => (request.rawHeaders.includes("IDEMPOTENCY-KEY") ? [] : keysOf(request)) }),
  K06: (server) => changedKey(server, ([value]) => (value?.includes(";") ? value : undefined)),
  K07: (server) => changedKey(server, ([value]) => ((value?.length ?? 0) > 100 ? crypto.randomUUID() : undefined)),
  K08: () => ({ key: ([value]) => value?.slice(0, 255) }),
  K09: (server) => mappedKey(server, (key) => key.toLowerCase()),
  K10: (server) => mappedKey(server, (key) => decodeURIComponent(key.replace(/%(?![\da-f]{2})/gi, "%25"))),
  K11: (server) => ({
    recordName: (call) => likeName([...server.records.keys()], `${server.scope(call.request)} ${call.key}`),
  }),
  K12: (server) => changedKey(server, ([value]) => (value?.includes("'") ? problem(500, "SQL") : undefined)),
  K13: (server) => changedKey(server, (values) => (values.length === 0 ? crypto.randomUUID() : undefined)),
  K14: (server) => changedKey(server, ([value]) => (value === "" ? "(empty)" : undefined)),
  K15: (server) => changedKey(server, ([value]) => (value === '""' ? "(empty)" : undefined)),
  K16: (server) => changedKey(server, (values) => (values.length > 1 ? values[0] : undefined)),
  K17: (server) => changedKey(server, (values) => (values.length > 1 ? values.at(-1) : undefined)),
  K18: (server) => changedKey(server, ([value]) => (/^"[^"]*$/.test(value ?? "") ? value : undefined)),
  K19: (server) => changedKey(server, ([value]) => /^"([^"]*)"x$/.exec(value ?? "")?.[1]),
  K20: (server) => changedKey(server, ([value]) => (/[\x80-\xff]/.test(value ?? "") ? value : undefined)),

  // Replay
  R01: () => ({ repeat: (_record, call) => Promise.resolve(problem(400, `seen ${call.key}`)) }),
  R02: replaying((answer) => ({ ...answer, status: 200 })),
  R03: replaying((answer) => ({ ...answer, body: `${answer.body} ` })),
  R04: replaying((answer) => without(answer, "content-type")),
  R05: replaying((answer) => without(answer, "location")),
  R06: replaying((answer) => without(answer, "x-order")),
  R07: replaying((answer) => ({ ...answer, headers: Object.entries(Object.fromEntries(answer.headers)) })),
  R08: () => ({ replayed: (answer) => answer }),
  R09: (server) => ({
    async work(call) {
      const answer = await ModelServer.prototype.work.call(server, call);
      return { ...answer, headers: [...answer.headers, ["idempotent-replayed", "true"]] };
    },
  }),
  R10: forgetting((record) => record.replays > 2),
  R11: () => {
    const seen = new WeakSet<object>();
    return {
      recordName({ request: { socket }, key }) {
        if (seen.has(socket)) return crypto.randomUUID();
        seen.add(socket);
        return key;
      },
    };
  },
  R12: (server) => ({
    done(name, record) {
      record.isDone = true;
      void setTimeout(40).then(() => server.records.delete(name));
    },
  }),
  R13: (server) => ({
    done(name, record) {
      record.isDone = true;
      for (const other of server.records.keys()) if (other !== name) server.records.delete(other);
    },
  }),
  R14: (server) => ({ recordName: (call) => server.fingerprint(call) }),

  // Fingerprint
  F01: () => ({ reused: (record) => record.answer }),
  F02: (server) => ({
    reused(_record, call) {
      server.records.delete(server.recordName(call));
      return problem(422, "and gone");
    },
  }),
  F03: () => ({ fingerprint: ({ body }) => body.slice(0, 1000) }),
  F04: rerunningAtMismatch,
  F05: rerunningAtMismatch,
  F06: rerunningAtMismatch,
  F07: (server) => fingerprinting(server, ({ request }) => request.headers["user-agent"]),
  F08: () => ({
    recordName: ({ request, key }) =>
      `${key} ${request.headers["transfer-encoding"] === undefined ? "" : crypto.randomUUID()}`,
  }),
  F09: (server) => ({ recordName: ({ request, key }) => `${server.scope(request)} ${key} ${request.url}` }),
  F10: () => ({ fingerprint: ({ body }) => body }),
  F11: () => ({ fingerprint: ({ body }) => body }),
  F12: () => ({ fingerprint: ({ body }) => body }),
  F13: (server) => ({
    async answer(request) {
      const known = server.records.get(`${server.scope(request)} ${keysOf(request)[0]?.replaceAll('"', "")}`);
      if (request.method === "GET" && known !== undefined) return known.answer;
      return ModelServer.prototype.answer.call(server, request);
    },
  }),
  F14: () => ({ fingerprint: ({ body }) => body }),

  // Concurrency
  C01: racing,
  C02: racing,
  C03: racing,
  C04: racing,
  C05: () => ({ inProgress: () => problem(425, "too early") }),
  C06: () => ({ inProgress: () => without(problem(409, "in progress"), "retry-after") }),
  C07: (server) => {
    let running = 0;
    return {
      async once(call) {
        if (running > 0) return problem(409, "one at a time, please");
        running += 1;
        return ModelServer.prototype.once.call(server, call).finally(() => (running -= 1));
      },
    };
  },
  C08: (server) => ({
    async repeat(record, call) {
      // Its fingerprint is looked at only when it is done.
      return record.isDone ? ModelServer.prototype.repeat.call(server, record, call) : record.answer;
    },
  }),
  C09: (server) => ({
    inProgress(_record, call) {
      server.records.set(server.recordName(call), stuck(server, call));
      return problem(409, "for ever");
    },
  }),

  // Disconnects
  D01: freeingAtHangUp,
  D02: freeingAtHangUp,
  D03: (server) => ({ done: (name, record, _answer, call) => keepOnceSent(server, name, record, call) }),
  D04: freeingAtHangUp,
  D05: (server) => ({ broken: (call) => server.once(call) }),
  D06: (server) => ({
    async body(request) {
      const isSplit = await arrivesLate(request);
      const read = await ModelServer.prototype.body.call(server, request);
      return isSplit ? { ...read, body: read.body.slice(0, 4) } : read;
    },
  }),
  D07: (server) => ({
    async answer(request) {
      if (request.headers.expect !== undefined) return problem(417, "expect nothing");
      return ModelServer.prototype.answer.call(server, request);
    },
  }),
  D08: (server) => {
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

  // Scope
  S01: byKeyAlone,
  S02: byKeyAlone,
  S03: (server) => ({
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
  S04: byKeyAlone,
  S05: () => ({ recordName: ({ key }) => key, admits: () => undefined }),

  // Errors
  E01: (server) =>
    changedKey(server, (values) => (values.length === 0 ? { status: 400, headers: [], body: "no" } : undefined)),
  E02: () => ({ reused: () => ({ status: 422, headers: [], body: "no" }) }),
  E03: (server) => ({
    async work(call) {
      const before = server.orders;
      const answer = await ModelServer.prototype.work.call(server, call);
      if (answer.status === 400) server.orders = before + 1;
      return answer;
    },
  }),
  E04: replaying((answer) => (answer.status === 400 ? { ...answer, status: 200 } : answer)),
  E05: () => ({ reused: (record) => record.answer.then((answer) => ({ ...answer, status: 200 })) }),
  E06: (server) => ({
    done(name, record, { status }) {
      record.isDone = true;
      if (status >= 500) server.records.delete(name);
    },
  }),
};
