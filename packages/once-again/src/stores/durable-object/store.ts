import { hasMethod, wrongClientError } from "../../core/duck-typing.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { recordId } from "../../key/key.ts";
import { checkListRequest } from "../list-records.ts";
import type { AsyncStore, ClaimAnswer, InspectedRecord, KeyRecord, ListRequest, RecordName } from "../store.ts";
import { type AnswerTo, type Operation, recordOperations } from "../transition.ts";
import { checkRowSize, resultBytesMax } from "../sql/row-size.ts";
import type { ObjectNamespace } from "./client.ts";
import type { StoreCall, StoreQuestion, StoreReply } from "./object-keys.ts";

/** How keys are spread over Durable Objects. */
export interface DurableObjectStoreOptions {
  /** The names of the objects begin so, 1 to 64 of `A-Z a-z 0-9 _ : . / -`; default `once-again/`. */
  readonly prefix?: string | undefined;
  /**
   * Over how many objects the keys are spread, 1 to 1024; default 64. One object does some hundred operations a second. The first
   * call sets it for its prefix: with another number, a key would be looked for in another object, and its effect would happen again. So
   * a store with another number is refused by each call, with `ONCE_OPTION_INVALID`.
   */
  readonly shards?: number | undefined;
}

/**
 * A store in Durable Objects, for leased operations of any Worker: each key is in one of `shards` objects, and each call of the port
 * is one call of it, in one transaction of its SQLite. What is acknowledged is stored on several machines.
 *
 * A call that fails, as when its object is moved, may have been executed: the engine asks again with the same owner. Expired
 * records are removed by an alarm of their object; `purge` has nothing left to do. `list` asks every object.
 *
 * @param namespace the binding of a class that extends `onceObject(DurableObject)`.
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, also for a binding of another kind, such as KV.
 * @example
 * ```ts
 * import { DurableObject } from "cloudflare:workers";
 *
 * export class OnceKeys extends onceObject(DurableObject) {}
 *
 * export default {
 *   async fetch(request: Request, env: { ONCE: DurableObjectNamespace }, ctx: ExecutionContext) {
 *     const orders = onceWeb({ store: durableObjectStore(env.ONCE), scope: "public" }, async (request) =>
 *       Response.json(await placeOrder(await request.json()), { status: 201 }),
 *     );
 *     const response = orders(request);
 *     ctx.waitUntil(Promise.allSettled([response]).then(() => orders.close()));
 *     return response;
 *   },
 * };
 * ```
 */
export function durableObjectStore(namespace: ObjectNamespace, options: DurableObjectStoreOptions = {}): AsyncStore {
  checkNames("durableObjectStore", options, {
    prefix: true,
    shards: true,
  } satisfies OptionNames<DurableObjectStoreOptions>);
  if (!hasMethod(namespace, "idFromName") || !hasMethod(namespace, "get")) {
    throw wrongClientError("namespace", "the binding of a class of Durable Objects, such as env.ONCE", namespace);
  }
  const shards = checkNumber("shards", options.shards ?? 64, { min: 1, max: 1024, integer: true });
  const prefix = options.prefix ?? "once-again/";
  if (typeof prefix !== "string" || !/^[\w:./-]{1,64}$/u.test(prefix)) {
    throw invalidOptionError("prefix", "1 to 64 of A-Z a-z 0-9 _ : . / -", prefix);
  }
  const ask = (shard: number, question: StoreQuestion): Promise<StoreReply> => {
    // After a call that failed, a stub fails for ever: each call has a new one.
    const id = namespace.idFromName(`${prefix}${shard}`);
    const stub = namespace.get(id as never) as { callOnceStore(call: StoreCall): Promise<StoreReply> };
    return stub.callOnceStore({ ...question, shards });
  };
  const call = async (shard: number, question: StoreQuestion): Promise<unknown> => {
    let reply = await ask(shard, question);
    if ("pinned" in reply && reply.pinned === null) {
      // The first object belongs to every number of objects, so it decides. It answers before this one believes it.
      for (const asked of new Set([0, shard])) answerIn(await ask(asked, { method: "pin" }), shards, true);
      reply = await ask(shard, question);
    }
    return answerIn(reply, shards);
  };
  const shardOf = (name: RecordName): number => hash(recordId(name)) % shards;
  return {
    survivesFailover: "yes",
    resultBytesMax,
    ...recordOperations(async <Asked extends Operation>(operation: Asked) => {
      if (operation.kind === "complete") checkRowSize(operation.result);
      const answer = await call(shardOf(operation), { method: "apply", operation });
      return (
        isAcquired(answer) ? { ...answer, checkpoints: fromPairs(answer.checkpoints) } : answer
      ) as AnswerTo<Asked>;
    }),
    async inspect(name) {
      const { scope, key } = name;
      const found = (await call(shardOf(name), { method: "inspect", name: { scope, key } })) as Travelled | undefined;
      return found && fromTravel(found);
    },
    async list(request) {
      const limit = checkListRequest(request);
      const each = Array.from({ length: shards }, (_, shard) => call(shard, { method: "list", request }));
      const lists = (await Promise.all(each)) as Travelled[][];
      return lists.flat().map(fromTravel).sort(orderOf(request)).slice(0, limit);
    },
    purge: async () => 0,
    close: async () => undefined,
  };
}

/**
 * @param isPin whether the answer itself is the number of objects.
 * @throws OnceAgainError that of the object; `ONCE_OPTION_INVALID` when it belongs to another number of objects.
 */
function answerIn(reply: StoreReply, shards: number, isPin = false): unknown {
  if ("error" in reply) {
    const { code, message, details } = reply.error;
    throw new OnceAgainError(code, message, { details });
  }
  const pinned = isPin && "answer" in reply ? reply.answer : shards;
  if ("pinned" in reply || pinned !== shards) {
    const first = "pinned" in reply ? reply.pinned : pinned;
    const expected = `${String(first)}, as it was when this prefix was first used: keys are looked for in that many objects`;
    throw invalidOptionError("shards", expected, shards);
  }
  return reply.answer;
}

/** FNV-1a over UTF-16 code units: the shard of a key is the same in every process and version. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  // The low bits of this hash are its worst.
  return (value ^ (value >>> 16)) >>> 0;
}

/** Checkpoints as they travel. */
type Pairs = readonly (readonly [string, Uint8Array])[];
type Travelled = Omit<InspectedRecord, "record"> & {
  readonly record: Omit<KeyRecord, "checkpoints"> & { checkpoints: Pairs };
};

const fromPairs = (pairs: Pairs): KeyRecord["checkpoints"] => Object.fromEntries(pairs);

function fromTravel(travelled: Travelled): InspectedRecord {
  const { record } = travelled;
  return { ...travelled, record: { ...record, checkpoints: fromPairs(record.checkpoints) } };
}

function isAcquired(
  answer: unknown,
): answer is Extract<ClaimAnswer, { kind: "acquired" }> & { readonly checkpoints: Pairs } {
  return (answer as { kind?: unknown } | undefined)?.kind === "acquired";
}

/** The order in which each object lists its records, by SQLite: texts by their UTF-8. */
function orderOf({ order }: ListRequest): (one: InspectedRecord, other: InspectedRecord) => number {
  const byName = (one: RecordName, other: RecordName) => compare(one.scope, other.scope) || compare(one.key, other.key);
  return order === "age"
    ? (one, other) => one.record.leaseUntil - other.record.leaseUntil || byName(one, other)
    : byName;
}

/** Compares texts by code points, which is the order of their UTF-8. */
function compare(one: string, other: string): number {
  for (let at = 0; ; at += 1) {
    const [mine, yours] = [one.codePointAt(at) ?? -1, other.codePointAt(at) ?? -1];
    if (mine !== yours) return mine - yours;
    if (mine === -1) return 0;
  }
}
