import type { RecordName } from "../store.ts";

/**
 * The Redis key of a record. A record is one key, so it is in one slot of a cluster. JSON, since no two names give the
 * same, whatever characters they hold (lone surrogates, which UTF-8 has no bytes for, are escaped).
 */
export function redisKey(prefix: string, { scope, key }: RecordName): string {
  return `${prefix}[${json(scope)},${json(key)}]`;
}

/** What JSON puts between quotes as it is. Nearly all names are such, and need not be gone through twice. */
const plain = /^[\w !#-[\]-`|}~]*$/;

/** Without a `{`, or what callers write in braces would choose the slot, and with it the node that all of it goes to. */
function json(name: string): string {
  return plain.test(name) ? `"${name}"` : JSON.stringify(name).replaceAll("{", String.raw`\u007b`);
}

/** The name behind a Redis key that `redisKey` made; `undefined` for any other. */
export function nameOf(prefix: string, redisKey: string): RecordName | undefined {
  try {
    const [scope, key] = JSON.parse(redisKey.slice(prefix.length)) as [unknown, unknown];
    return typeof scope === "string" && typeof key === "string" ? { scope, key } : undefined;
  } catch {
    return undefined;
  }
}

/** The pattern of SCAN for all records, or those of one scope. */
export function keyPattern(prefix: string, scope: string | undefined): string {
  const start = scope === undefined ? "[" : `[${json(scope)},`;
  return `${(prefix + start).replaceAll(/[\\*?[\]^-]/gu, "\\$&")}*`;
}
