import { OnceAgainError } from "../core/errors.ts";
import { makeKey, readCallerKey, writeKey } from "../key/key.ts";
import type { FetchSettings } from "./fetch-options.ts";

type KeySettings = Pick<FetchSettings, "keyHeader" | "keyFormat" | "policy">;

/**
 * The operation's key: the one that the caller brings or, for POST and PATCH, a new one, put into `headers`.
 *
 * @param makesKey `false`: none is made.
 * @throws OnceAgainError `ONCE_KEY_INVALID` when the caller brings one that is empty, malformed or repeated: it would
 *   protect nothing.
 */
export function ensureKey(
  method: string,
  headers: { get(name: string): string | null; set(name: string, value: string): void },
  settings: KeySettings,
  makesKey: boolean,
): string | undefined {
  const callerKey = headers.get(settings.keyHeader);
  if (callerKey !== null) return checkKey(callerKey, settings.keyHeader);
  if (!/^(POST|PATCH)$/i.test(method) || !makesKey) return undefined;
  const key = makeKey({ clock: settings.policy.clock, random: settings.policy.random });
  headers.set(settings.keyHeader, writeKey(key, settings.keyFormat));
  return key;
}

/** The header as it was given, and as it is sent on each attempt. */
function checkKey(key: string, keyHeader: string): string {
  const parsed = readCallerKey(key);
  if (parsed.kind === "key") return key;
  throw new OnceAgainError(
    "ONCE_KEY_INVALID",
    `The ${keyHeader} of this request can't be used: ${parsed.problem}. Nothing was sent. ` +
      "Leave the header out, or send one key, such as makeKey() makes.",
  );
}
