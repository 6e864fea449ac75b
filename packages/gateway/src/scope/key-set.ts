import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from "jose";
import { systemClock } from "once-again/internal";

/** The keys of an issuer are unknown: its set can't be fetched, or is invalid. */
export class KeySetUnavailableError extends Error {}

/** A fetched set is used for so long, milliseconds. A token of a key that is not in it asks again, at most this often. */
const ageMsMax = 600_000;
const askAgainMs = 30_000;

/** How long no request is sent after a failure, so that a dead issuer is not stormed. */
const failureMs = 1000;
const fetchMsMax = 5000;
const bytesMax = 1_048_576;
const keysMax = 100;

/** The public keys of an issuer, from a URL, where they are fetched when they are needed, or as they are. */
export function keySet(source: URL | JSONWebKeySet): JWTVerifyGetKey {
  if (!(source instanceof URL)) return createLocalJWKSet(source);
  const ask = createRemoteJWKSet(source, {
    timeoutDuration: fetchMsMax,
    cacheMaxAge: ageMsMax,
    cooldownDuration: askAgainMs,
    [customFetch]: boundedFetch(),
  });
  return async (header, token) => {
    try {
      return await ask(header, token);
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys) throw cause;
      throw new KeySetUnavailableError(`The key set at ${source.href} can't be had.`, { cause });
    }
  };
}

function boundedFetch(): (url: string, init: RequestInit) => Promise<Response> {
  let failedAtMs = Number.NEGATIVE_INFINITY;
  return async (url, init) => {
    if (systemClock.monotonic() - failedAtMs < failureMs) throw new Error("It could not be fetched a moment ago.");
    try {
      const response = await fetch(url, init);
      const { keys } = JSON.parse(await readText(response)) as JSONWebKeySet;
      if (!response.ok) throw new Error(`The status is ${response.status}.`);
      if (!Array.isArray(keys) || keys.length > keysMax) throw new Error(`It is no set of up to ${keysMax} keys.`);
      return Response.json({ keys });
    } catch (error) {
      failedAtMs = systemClock.monotonic();
      throw error;
    }
  };
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`It is larger than ${bytesMax} bytes.`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
