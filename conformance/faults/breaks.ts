import { setTimeout } from "node:timers/promises";
import { type ModelAnswer, type ModelCall, ModelServer, problem } from "./right-server.ts";

/** How a server that keeps every rule is changed, so that it breaks one. */
export type Break = (server: ModelServer) => Partial<ModelServer>;
type Key = ReturnType<ModelServer["key"]>;
type ModelRecord = Parameters<ModelServer["repeat"]>[0];

export const keysOf = (request: ModelCall["request"]): readonly string[] =>
  request.headersDistinct["idempotency-key"] ?? [];

export function changedKey(server: ModelServer, change: (values: readonly string[]) => Key): Partial<ModelServer> {
  return { key: (values) => change(values) ?? ModelServer.prototype.key.call(server, values) };
}

export function mappedKey(server: ModelServer, change: (key: string) => string): Partial<ModelServer> {
  return {
    key(values) {
      const key = ModelServer.prototype.key.call(server, values);
      return typeof key === "string" ? change(key) : key;
    },
  };
}

/** The first record that a LIKE would find. */
export function likeName(names: readonly string[], wanted: string): string {
  const prefix = wanted.endsWith("%") ? wanted.slice(0, -1) : undefined;
  return names.find((name) => prefix !== undefined && name.startsWith(prefix)) ?? wanted;
}

export const without = (answer: ModelAnswer, gone: string): ModelAnswer => ({
  ...answer,
  headers: answer.headers.filter(([name]) => name !== gone),
});

export function replaying(change: (answer: ModelAnswer) => ModelAnswer): Break {
  return (server) => ({
    replayed: async (answer, record, call) =>
      change(await ModelServer.prototype.replayed.call(server, answer, record, call)),
  });
}

export function forgetting(isOver: (record: ModelRecord) => boolean): Break {
  return (server) => ({
    async repeat(record, call) {
      const answer = await ModelServer.prototype.repeat.call(server, record, call);
      if (isOver(record)) server.records.delete(server.recordName(call));
      return answer;
    },
  });
}

/** Runs a request that it takes for another one. */
export function rerunningAtMismatch(server: ModelServer): Partial<ModelServer> {
  return {
    fingerprint: ({ request, body }) => `${request.headers["content-type"]} ${body}`,
    reused: (_record, call) => server.work(call),
  };
}

export function fingerprinting(
  server: ModelServer,
  part: (call: ModelCall) => string | undefined,
): Partial<ModelServer> {
  return { fingerprint: (call) => `${part(call)} ${ModelServer.prototype.fingerprint.call(server, call)}` };
}

/** Looks, and puts down what it found only when the work is done, which a second request that looks meanwhile can begin, too. */
export function racing(server: ModelServer): Partial<ModelServer> {
  return {
    async once(call) {
      const known = server.records.get(server.recordName(call));
      return known === undefined ? workThenStore(server, call) : server.repeat(known, call);
    },
  };
}

/** A record that is there when the work is done. */
export async function workThenStore(server: ModelServer, call: ModelCall): Promise<ModelAnswer> {
  const answer = server.work(call);
  await answer;
  storeDone(server, call, answer);
  return answer;
}

/** Puts down that a request was answered. */
export function storeDone(server: ModelServer, call: ModelCall, answer: ModelAnswer | Promise<ModelAnswer>): void {
  const record = { fingerprint: server.fingerprint(call), answer: Promise.resolve(answer), isDone: true, replays: 0 };
  server.records.set(server.recordName(call), record);
}

export function stuck(server: ModelServer, call: ModelCall): ModelRecord {
  const answer = Promise.resolve(problem(409, "for ever"));
  return { fingerprint: server.fingerprint(call), answer, isDone: false, replays: 0 };
}

/** How long a hang-up is waited for, milliseconds: on a busy machine it may be that late. */
const hangUpMsMax = 500;

/** Work that its caller's hang-up overtakes, if there is one. */
const workAtHangUp =
  (server: ModelServer): ModelServer["work"] =>
  async (call) => {
    const gone = new AbortController();
    call.request.socket.once("close", () => gone.abort());
    await setTimeout(hangUpMsMax, undefined, { signal: gone.signal }).catch(() => undefined);
    return ModelServer.prototype.work.call(server, call);
  };

/** A caller that is gone takes its key along. */
export function freeingAtHangUp(server: ModelServer): Partial<ModelServer> {
  return {
    work: workAtHangUp(server),
    done(name, record, _answer, { request }) {
      record.isDone = true;
      if (request.socket.destroyed) server.records.delete(name);
    },
  };
}

/** The key of a caller that is gone stays in progress. */
export function stuckAtHangUp(server: ModelServer): Partial<ModelServer> {
  return {
    work: workAtHangUp(server),
    done(_name, record, _answer, { request }) {
      if (!request.socket.destroyed) record.isDone = true;
    },
  };
}

/** Keeps an answer only when it was read to its end. */
export function keepOnceSent(server: ModelServer, name: string, record: ModelRecord, { request }: ModelCall): void {
  record.isDone = true;
  request.socket.once("error", () => server.records.delete(name));
}

/** Whether a body comes some time after its head. */
export async function arrivesLate(request: ModelCall["request"]): Promise<boolean> {
  await setTimeout(1);
  return request.readableLength < Number(request.headers["content-length"] ?? 0);
}

export const owners = new WeakMap<object, string>();

export function byKeyAlone(): Partial<ModelServer> {
  return { recordName: ({ key }) => key };
}

/** A fingerprint for which one part of each request is the same. */
export const withoutPart =
  (change: (request: ModelCall["request"]) => object): Break =>
  (server) => ({
    fingerprint: (call) => {
      const request = Object.assign(Object.create(call.request) as ModelCall["request"], {
        method: call.request.method,
        url: call.request.url,
      });
      for (const [name, value] of Object.entries(change(call.request))) Object.defineProperty(request, name, { value });
      return ModelServer.prototype.fingerprint.call(server, { ...call, request });
    },
  });

/** A table that has room for so many records; the oldest goes. */
export const tableOf =
  (size: number): Break =>
  (server) => ({
    done(_name, record) {
      record.isDone = true;
      for (const name of [...server.records.keys()].slice(0, -size)) server.records.delete(name);
    },
  });
