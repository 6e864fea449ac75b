import type { Awaitable } from "../core/awaitable.ts";
import { OnceAgainError } from "../core/errors.ts";
import { NoEffectError } from "../engine/engine.ts";
import { namesNothing } from "../key/key.ts";
import { sha256 } from "../key/sha256.ts";
import type { HttpRules } from "./http-options.ts";

/**
 * How long a scope may be in the index of any store, bytes as it is written there. More than an operation's name may have,
 * since a scope may be a caller's id with a path behind it.
 */
const scopeBytesMax = 1024;

/** No character takes more bytes there than this: a control character is an escape of six. */
const bytesOfCharacterMax = 6;

/**
 * The scope of a request: what the route's function says of it.
 *
 * @throws NoEffectError when it can't name the caller of the request.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a scope that no store takes: to come back later is no help.
 */
export function scopeOf<Request>(
  { scope, onError }: { scope: HttpRules<Request>["scope"]; onError: (error: unknown) => void },
  request: Request,
): Awaitable<string> {
  if (scope === "public") return scope;
  return callersScope(scope, onError, request);
}

async function callersScope<Request>(
  scope: Exclude<HttpRules<Request>["scope"], "public">,
  onError: (error: unknown) => void,
  request: Request,
): Promise<string> {
  let name: string;
  try {
    name = namedCaller(await scope(request));
  } catch (cause) {
    onError(cause);
    throw new NoEffectError("The scope of this request could not be determined. Nothing happened.", { cause });
  }
  if (name.length * bytesOfCharacterMax > scopeBytesMax) checkLength(name);
  return name;
}

/** @throws TypeError for a value that names no caller. */
function namedCaller(name: unknown): string {
  // A store writes UTF-8, in which all malformed names look alike.
  if (typeof name !== "string" || !name.isWellFormed()) {
    throw new TypeError(`The scope function must return a string of well-formed Unicode. ${advice}`);
  }
  // All callers without one would share their keys, and see each other's answers.
  if (namesNothing(name)) {
    throw new TypeError(`The scope function returned ${JSON.stringify(name)}, which names no caller. ${advice}`);
  }
  return name;
}

const advice =
  "Return the id of the account or tenant that was authenticated, and answer 401 to a request without credentials before it " +
  "comes here.";

/** Paths that may stand in a scope as they are, characters. */
const pathLengthMax = 256;

/**
 * The scope of a caller's keys at one path. A path has no space in it, so no two of them come to the same.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a scope that no store takes beside a path.
 */
export async function scopeAtPath(caller: string, path: string): Promise<string> {
  const scope = `${caller} ${path.length <= pathLengthMax ? path : await sha256(path)}`;
  checkLength(scope);
  return scope;
}

function checkLength(name: string): void {
  const bytes = new TextEncoder().encode(JSON.stringify(name)).length - 2;
  if (bytes <= scopeBytesMax) return;
  throw new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `The scope function returned a scope of ${bytes} bytes, and ${scopeBytesMax} are allowed. Return an id, or a hash.`,
    { details: { option: "scope" } },
  );
}

/**
 * The path of a request's target, also of one that was sent to a proxy with scheme and host before it (RFC 9112, section
 * 3.2.2): both are the same request.
 */
export function originForm(path: string): string {
  if (path.startsWith("/")) return path;
  const scheme = /^[a-z][a-z\d+.-]*:\/\/[^/]*/i.exec(path);
  return scheme === null ? path : path.slice(scheme[0].length) || "/";
}
