import { nameProblem } from "../key/key.ts";
import { type ParsedKey, parseKey } from "../key/index.ts";
import type { CallFacts } from "./tool-context.ts";

/** Where a call carries its key in `params._meta` (MCP 2025-11-25, basic, `_meta`: a prefix, a slash, a name). */
export const keyMeta = "once-again/idempotency-key";

/** Where else a call's key may be. */
export interface KeyPlaces {
  /** In lower case; `undefined` where no header is read. */
  readonly keyHeader: string | undefined;
  /** The tool's argument that holds it; `undefined` where none does. */
  readonly keyArgument: string | undefined;
}

/**
 * The key of a call: of `_meta` first, which is of the call alone; then of the header, which a layer below may have made
 * for its own repeats; then of the argument.
 */
export function keyOfCall(
  { meta, header }: Pick<CallFacts, "meta" | "header">,
  args: Readonly<Record<string, unknown>>,
  { keyHeader, keyArgument }: KeyPlaces,
): ParsedKey {
  if (meta[keyMeta] !== undefined) return givenKey(meta[keyMeta]);
  const values = keyHeader === undefined ? [] : header(keyHeader);
  if (values.length > 0) return parseKey(values);
  const argument = keyArgument === undefined ? undefined : args[keyArgument];
  return argument === undefined ? { kind: "missing" } : givenKey(argument);
}

function givenKey(key: unknown): ParsedKey {
  const problem = nameProblem(key);
  return problem === undefined ? { kind: "key", key: key as string } : { kind: "malformed", problem };
}
