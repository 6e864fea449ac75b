import { OnceAgainError } from "../core/errors.ts";
import { NoEffectError } from "../engine/errors.ts";
import type { HttpRules } from "./http-options.ts";

/** What a missing value becomes as a text: all callers without one would share their keys, and see each other's answers. */
const nobody: ReadonlySet<string> = new Set(["", "undefined", "null", "NaN", "[object Object]"]);

/** How long a scope may be in the index of any store, bytes as it is written there. */
const scopeBytesMax = 1024;

/** No character takes more bytes there than this: a control character is an escape of six. */
const bytesOfCharacterMax = 6;

/**
 * The scope of a request: what the route's function says of it.
 *
 * @throws NoEffectError when it can't tell whose request this is.
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a scope that no store takes: to come back later is no help.
 */
export async function scopeOf<Request>(
  { scope, onError }: { scope: HttpRules<Request>["scope"]; onError: (error: unknown) => void },
  request: Request,
): Promise<string> {
  if (scope === "public") return scope;
  let name: string;
  try {
    name = namedCaller(await scope(request));
  } catch (cause) {
    onError(cause);
    throw new NoEffectError("The service could not tell whose request this is. Nothing happened.", { cause });
  }
  if (name.length * bytesOfCharacterMax > scopeBytesMax) checkLength(name);
  return name;
}

/** @throws TypeError for what names nobody. */
function namedCaller(name: unknown): string {
  // A store writes UTF-8, in which all malformed names look alike.
  if (typeof name !== "string" || !name.isWellFormed()) {
    throw new TypeError(`The scope function must return a string of well-formed Unicode. ${advice}`);
  }
  if (nobody.has(name.trim())) {
    throw new TypeError(`The scope function returned ${JSON.stringify(name)}, which names nobody. ${advice}`);
  }
  return name;
}

const advice =
  "Return the id of the account or tenant whose credentials were checked, and answer 401 to a request without them before " +
  "it comes here.";

function checkLength(name: string): void {
  const bytes = new TextEncoder().encode(JSON.stringify(name)).length - 2;
  if (bytes <= scopeBytesMax) return;
  throw new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `The scope function returned a scope of ${bytes} bytes, and ${scopeBytesMax} are allowed. Return an id, or a hash.`,
    { details: { option: "scope" } },
  );
}
