import { checkNames, type OptionNames } from "../../core/option-names.ts";
import { checkFunction, checkNumber, invalidOptionError } from "../../core/options.ts";
import type { IoredisClient } from "./client.ts";

/** Where a Redis with a door of HTTP is. */
export interface UpstashOptions {
  /** Its address, `UPSTASH_REDIS_REST_URL`. */
  readonly url: string;
  /** Its token, `UPSTASH_REDIS_REST_TOKEN`: not the read-only one. */
  readonly token: string;
  /** How long one command may take, milliseconds, at least 1; default 10,000. Whether it was executed is then unknown. */
  readonly commandMsMax?: number | undefined;
  /** Default the platform's own. Give none that sends a command again by itself. */
  readonly fetch?: typeof fetch | undefined;
}

/**
 * A client for `redisStore` that sends commands by HTTP, as Upstash's REST API takes them, for places without TCP. One command is
 * one request.
 *
 * That API knows texts, and would damage results, which are bytes. So every byte travels as one character, and is stored as that: records
 * that were written so are read only so, and not through a client of TCP. The client of `@upstash/redis` is refused, since it reads
 * numbers and JSON into what was a text.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`. A command rejects with an Error that has Redis' own message.
 * @example
 * ```ts
 * import { redisStore, upstash } from "once-again/stores/redis";
 *
 * const { UPSTASH_REDIS_REST_URL: url = "", UPSTASH_REDIS_REST_TOKEN: token = "" } = process.env;
 * const store = redisStore(upstash({ url, token }));
 * ```
 */
export function upstash(options: UpstashOptions): IoredisClient {
  checkNames("upstash", options, {
    url: true,
    token: true,
    commandMsMax: true,
    fetch: true,
  } satisfies OptionNames<UpstashOptions>);
  const { url, token, fetch: send = globalThis.fetch } = options;
  if (typeof url !== "string" || !/^https?:$/.test(URL.parse(url)?.protocol ?? "")) {
    throw invalidOptionError("url", "the https:// address of the REST API", url);
  }
  if (typeof token !== "string" || token === "")
    throw invalidOptionError("token", "the token of the REST API", typeof token);
  checkFunction("fetch", options.fetch);
  const commandMsMax = checkNumber("commandMsMax", options.commandMsMax ?? 10_000, { min: 1 });
  const client: IoredisClient = {
    async callBuffer(name, ...rest) {
      // A script is compiled as it is; it is ASCII.
      const isScript = name === "EVAL";
      const texts = rest.map((value, index) => (isScript && index === 0 ? String(value) : asCharacters(value)));
      const response = await send(url, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify([name, ...texts]),
        signal: AbortSignal.timeout(commandMsMax),
      });
      const reply = readReply(await response.text());
      if (typeof reply.error === "string") throw new Error(reply.error);
      if (!response.ok || !("result" in reply))
        throw new Error(`The REST API answered ${response.status}, and no result.`);
      return asBytes(reply.result);
    },
  };
  byCharacters.add(client);
  return client;
}

const byCharacters = new WeakSet<object>();

/** Whether a client stores a character for each byte: the server's lengths are not those of records then. */
export const storesCharacters = (client: object): boolean => byCharacters.has(client);

/** A reply of the API; empty for anything else, as a proxy in front of it sends when it fails. */
function readReply(text: string): { readonly result?: unknown; readonly error?: unknown } {
  try {
    return Object(JSON.parse(text)) as object;
  } catch {
    return {};
  }
}

/** Bytes as one character each; a text by its UTF-8. */
function asCharacters(value: string | Buffer): string {
  return Buffer.from(value as string).toString("latin1");
}

/** The same back, in every text of a reply. */
function asBytes(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(asBytes);
  return typeof reply === "string" ? Buffer.from(reply, "latin1") : reply;
}
