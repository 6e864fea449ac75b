import type { Clock } from "../../core/clock.ts";
import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkNumber, invalidOptionError } from "../../core/options.ts";
import { systemClock } from "../../core/system-clock.ts";
import { storeHealth } from "../health.ts";
import type { AsyncStore, ClaimAnswer, ClaimRequest, StoreHealth } from "../store.ts";
import { timeLimit } from "../time-limit.ts";
import { recordCommands, type RedisClient, redisConnection } from "./client.ts";
import { redisProblems, serverCheck } from "./health.ts";
import { redisRecords } from "./leased-operations.ts";
import { listRecords } from "./scan.ts";
import { watchSilence } from "./silence-watch.ts";
import { storesCharacters } from "./upstash.ts";

/** How a Redis store names its keys, and what may happen to them. */
export interface RedisStoreOptions {
  /** The prefix of all keys: 1 to 64 of `A-Z a-z 0-9 _ : . -`; default `once-again:`. */
  readonly prefix?: string | undefined;
  /**
   * When the server's `maxmemory-policy` evicts records, their operations run a second time, so claims are refused,
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
export interface RedisStore extends AsyncStore {
  readonly survivesFailover: "no";
  /**
   * Asks every master for what endangers records: an eviction policy, no append-only file, a node that is a replica.
   * A master that can't be reached is a problem, also one of a cluster that is not connected, and no answer for 5 seconds.
   * Never rejects.
   */
  health(): Promise<StoreHealth>;
}

/**
 * A store in Redis 7.0 or later, or Valkey, a single node or a cluster, through your own connection of `ioredis` or
 * `redis`. A claim, a completion and a replay are one command each, all times are the server's, and expired records are
 * removed by Redis itself.
 *
 * A failover may forget an acknowledged claim, since Redis replicates after it answers: its operation then runs a
 * second time. A restart forgets what `appendfsync` had not yet written. `maxmemory-policy` has to be `noeviction`,
 * or claims are refused, as they are on older servers; for the rest see `health()`.
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
  return redisStoreOn(client, options, systemClock);
}

/** The same by another clock, for what the server's own does not decide. */
export function redisStoreOn(client: RedisClient, options: RedisStoreOptions, clock: Clock): RedisStore {
  checkNames("redisStore", options, {
    prefix: true,
    acknowledgeEviction: "boolean",
    silentMsMax: true,
  } satisfies OptionNames<RedisStoreOptions>);
  const connection = redisConnection(client);
  const prefix = checkedPrefix(options.prefix ?? "once-again:");
  const silentMsMax = checkNumber("silentMsMax", options.silentMsMax ?? 10_000, { min: 1 });
  const commands = recordCommands(connection, watchSilence(clock, silentMsMax, connection.renew));
  const checkServer = serverCheck(connection, options.acknowledgeEviction === true);
  const limitTime = timeLimit(systemClock, healthMsMax);
  const { measure, ...records } = redisRecords(commands, prefix, clock);

  const checkedClaim = async (request: ClaimRequest, claim: Promise<ClaimAnswer>, check: Promise<void>) => {
    const [claimed, checked] = await Promise.allSettled([claim, check]);
    if (checked.status === "fulfilled") return claim;
    // Nothing will run under it: a key that was claimed meanwhile is given back.
    const [givenBack] = await Promise.allSettled([records.release(request)]);
    const isFree = claimed.status === "fulfilled" ? givenBack.status === "fulfilled" : isRefusal(claimed.reason);
    if (isFree) throw checked.reason;
    // An error for an option would say that nothing was sent.
    throw new Error("Whether the server holds the key is unknown.", { cause: checked.reason });
  };

  return {
    ...records,
    survivesFailover: "no",
    claim(request) {
      const claim = records.claim(request);
      // Beside the claim, so that what is asked for next keeps its place behind it.
      const check = checkServer();
      return check === undefined ? claim : checkedClaim(request, claim, check);
    },
    inspect: (name) => records.inspect(name),
    list(request) {
      const isMeasured = request.content === "sizes" && !storesCharacters(client);
      return listRecords(connection, prefix, request, isMeasured ? measure : records.inspect);
    },
    // Redis has removed them already.
    purge: async () => 0,
    health: () => storeHealth(() => limitTime(redisProblems(connection))),
    close: async () => undefined,
  };
}

/** Whether a server has answered that it does not know a command, and so has not executed it. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("ERR ");
}

function checkedPrefix(prefix: string): string {
  if (typeof prefix === "string" && /^[\w:.-]{1,64}$/u.test(prefix)) return prefix;
  throw invalidOptionError("prefix", "1 to 64 of A-Z a-z 0-9 _ : . -", prefix);
}
