import { OnceAgainError } from "../core/errors.ts";
import { formatKey, makeKey } from "../key/index.ts";
import { headerKeyProblem } from "../key/key.ts";
import type { FetchSettings } from "./fetch-options.ts";

type KeySettings = Pick<FetchSettings, "makesKeys" | "keyHeader" | "keyFormat" | "policy">;

/**
 * The operation's key: the one that the caller given or, for POST and PATCH, a new one, put into `headers`.
 *
 * @param origin where the request goes; no key is made for one that the option `keys` leaves out.
 * @throws OnceAgainError `ONCE_KEY_INVALID` when the caller given one that is empty, malformed or repeated: it would
 *   protect nothing.
 */
export function ensureKey(
  method: string,
  headers: { get(name: string): string | null; set(name: string, value: string): void },
  settings: KeySettings,
  origin: string,
): string | undefined {
  const given = headers.get(settings.keyHeader);
  if (given !== null) return checkKey(given, settings.keyHeader);
  if (!/^(POST|PATCH)$/i.test(method) || !settings.makesKeys(origin)) return undefined;
  const key = makeKey({ clock: settings.policy.clock, random: settings.policy.random });
  headers.set(settings.keyHeader, formatKey(key, settings.keyFormat));
  return key;
}

/** The header as it was given, and as it is sent on each attempt. */
function checkKey(given: string, keyHeader: string): string {
  const problem = headerKeyProblem(given);
  if (problem === undefined) return given;
  throw new OnceAgainError(
    "ONCE_KEY_INVALID",
    `The ${keyHeader} of this request can't be used: ${problem}. Nothing was sent. Leave the header out, and a key is ` +
      "made where `keys` allows it; or send one key, such as makeKey() makes.",
  );
}
