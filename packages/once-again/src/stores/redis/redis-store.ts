import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { isUtf8 } from "node:buffer";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { OnceAgainError } from "../../core/errors.ts";
import { systemClock } from "../../core/system-clock.ts";
import { timeLimit } from "../time-limit.ts";
import { recordBrokenError } from "../check-record.ts";
import { storeHealth } from "../store-health.ts";
import type { RecordName, Store, StoreHealth } from "../store.ts";
import { type RedisClient, redisConnection } from "./client.ts";
import { evictionCheck } from "./eviction-check.ts";
import { redisProblems } from "./health.ts";
import { listRecords } from "./scan.ts";
import { redisKey } from "./names.ts";
import { escaped, stepBytes } from "./record-format.ts";
import { claimAnswerOf, inspectedOf } from "./replies.ts";
import { brokenReply, script, scriptHash } from "./script.ts";
import { watchSilence } from "./silence-watch.ts";

/** How a Redis store names its keys, and what may happen to them. */
export interface RedisStoreOptions {
  /** What the names of all keys begin with: 1 to 64 of `A-Z a-z 0-9 _ : . -`; default `once-again:`. */
  readonly prefix?: string | undefined;
  /**
   * A server whose `maxmemory-policy` evicts records runs their operations a second time, so claims on it are refused,
   * unless this says that duplicates are no harm. Default `false`.
   */
  readonly acknowledgeEviction?: boolean | undefined;
  /**
   * How long a single connection may owe every answer before it is given up and made anew when more is asked,
   * milliseconds: at least 1, default 10,000; `Infinity`: never. For a cluster or a pool give its own options a
   * `socketTimeout`.
   */
  readonly silentMsMax?: number | undefined;
}

/** How long `health()` waits for its servers. */
const healthMsMax = 5000;

/** A store in Redis or Valkey. */
export interface RedisStore extends Store {
  readonly survivesFailover: "no";
  /**
   * Asks every master for what endangers records: an eviction policy, no append-only file, a node that is a replica.
   * A master that can't be reached is a problem, also one of a cluster that is not connected, and no answer for 5 seconds.
   * Never rejects.
   */
  health(): Promise<StoreHealth>;
}

/**
 * A store in Redis 7 or Valkey, a single node or a cluster, through your own connection of `ioredis` or `redis`. Each
 * operation is one script, one round trip, by the server's clock. Expired records are removed by Redis itself.
 *
 * A failover may forget an acknowledged claim, since Redis replicates after it answers: its operation then runs a
 * second time. A restart forgets what `appendfsync` had not yet written. `maxmemory-policy` has to be `noeviction`,
 * or claims are refused; for the rest see `health()`. Leave the client's own `keyPrefix` alone and use `prefix`.
 *
 * `close()` leaves the connection open, since it is yours.
 *
 * @example
 * ```ts
 * const store = redisStore(new Redis("redis://127.0.0.1:6379")); // ioredis, or a client of redis
 * for (const problem of (await store.health()).problems) console.warn(problem);
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): RedisStore {
  checkNames("redisStore", options, {
    prefix: true,
    acknowledgeEviction: true,
    silentMsMax: true,
  } satisfies OptionNames<RedisStoreOptions>);
  const connection = redisConnection(client);
  const prefix = checkedPrefix(options.prefix ?? "once-again:");
  const limitTime = timeLimit(systemClock, healthMsMax);
  const eviction = options.acknowledgeEviction === true ? () => undefined : evictionCheck(connection);

  const silentMsMax = checkNumber("silentMsMax", options.silentMsMax ?? 10_000, { min: 1 });
  const { asked, answered } = watchSilence(systemClock, silentMsMax, connection.renew);

  const ask = async (name: RecordName, operation: string, ...rest: (string | number | Uint8Array)[]) => {
    const key = redisKey(prefix, name);
    const question = ["1", key, operation, ...rest.map(argumentOf)];
    asked();
    try {
      return await connection.send(key, ["EVALSHA", scriptHash, ...question]);
    } catch (error) {
      // The server was restarted, promoted, or never had it.
      if (!String(error).includes("NOSCRIPT")) throw explainError(name, error);
      return await connection.send(key, ["EVAL", script, ...question]).catch((cause: unknown) => {
        throw explainError(name, cause);
      });
    } finally {
      answered();
    }
  };
  const changed = async (...question: Parameters<typeof ask>): Promise<boolean> => (await ask(...question)) === 1;
  const read = async (name: RecordName, state = "") => {
    const reply = await ask(name, "inspect", state).catch((error: unknown) => {
      // A key of another type.
      if (OnceAgainError.isInstance(error, "ONCE_RECORD_BROKEN")) return state === "" ? unreadableReply : null;
      throw error;
    });
    return inspectedOf(name, reply);
  };

  return {
    survivesFailover: "no",
    async claim(request) {
      const { fingerprint, owner, leaseMs, retentionMs, takeOverAfterMs = "" } = request;
      const asked = [escaped(fingerprint), escaped(owner), leaseMs, retentionMs, takeOverAfterMs];
      const answer = ask(request, "claim", ...asked);
      // Beside the claim, so that what is asked for next keeps its place behind it.
      const checking = eviction();
      if (checking === undefined) return claimAnswerOf(request, await answer);
      const [, checked] = await Promise.allSettled([answer, checking]);
      const given = claimAnswerOf(request, await answer);
      if (checked.status === "fulfilled") return given;
      // Nothing will run under it: a key that was claimed meanwhile is given back.
      await changed(request, "release", escaped(owner));
      throw checked.reason;
    },
    complete: (request) => changed(request, "complete", escaped(request.owner), request.result, request.retentionMs),
    renew: (request) => changed(request, "renew", escaped(request.owner), request.leaseMs),
    release: (request) => changed(request, "release", escaped(request.owner)),
    checkpoint: (request) =>
      changed(request, "checkpoint", escaped(request.owner), stepBytes(request.step, request.result)),
    resolve: ({ settlement, ...name }) =>
      settlement.as === "done"
        ? changed(name, "resolve", "done", settlement.result, settlement.retentionMs)
        : changed(name, "resolve", "not-executed"),
    inspect: (name) => read(name),
    list: (request) => listRecords(connection, prefix, request, read),
    // Redis has removed them already.
    purge: async () => 0,
    health: () => storeHealth(() => limitTime(redisProblems(connection))),
    close: async () => undefined,
  };
}

/** What a key holds that is no text. */
const unreadableReply = [Buffer.from("broken"), Buffer.alloc(0)];

/** Says which record is broken, where that is what failed. */
function explainError(name: RecordName, error: unknown): unknown {
  const isBroken = [brokenReply, "WRONGTYPE"].some((text) => String(error).includes(text));
  return isBroken ? recordBrokenError(name, "It can't be read.", error) : error;
}

/** Bytes that are a text, as nearly all answers are, go as one: clients send a command of texts alone in one piece. */
function argumentOf(value: string | number | Uint8Array): string | Buffer {
  if (typeof value !== "object") return String(value);
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isUtf8(bytes) ? bytes.toString() : bytes;
}

function checkedPrefix(prefix: string): string {
  if (typeof prefix === "string" && /^[\w:.-]{1,64}$/u.test(prefix)) return prefix;
  throw invalidOptionError("prefix", "1 to 64 of A-Z a-z 0-9 _ : . -", prefix);
}
