import { joinBytes } from "../../core/bytes.ts";
import { unreadableRecord } from "../check-record.ts";
import type { KeyRecord } from "../store.ts";

/**
 * How a record is stored, as the script writes it: a line of its fields in this order, separated by spaces, and then the
 * result, or, while it runs, its steps, one after the other as they were stored. The script knows the places of the times:
 * milliseconds since the epoch have 13 digits from 2001 to 2286. Texts are escaped as in a URL.
 */
const fields =
  /^(?<expiresAt>\d{13}) (?<leaseUntil>\d{13}) (?<fence>\d{13}) (?<createdAt>\d{13}) (?<state>running|done) (?<attempt>\d+) (?<owner>\S*) (?<fingerprint>\S*)\n/;

/** Owner or fingerprint, so that it ends at a space. */
export const escaped = encodeURIComponent;

/** The record in a text; for what is none, `unreadableRecord`. */
export function recordOf(stored: Uint8Array): KeyRecord {
  const lineLength = stored.indexOf(0x0a) + 1;
  const { groups } = fields.exec(textOf(stored.subarray(0, lineLength))) ?? {};
  if (groups === undefined) return unreadableRecord;
  const number = (name: string): number => Number(groups[name]);
  const text = (name: string): string => decodeURIComponent(groups[name] ?? "");
  const rest = stored.subarray(lineLength);
  const isDone = groups["state"] === "done";
  const checkpoints = isDone ? {} : stepsOf(rest);
  if (checkpoints === undefined) return unreadableRecord;
  return {
    state: isDone ? "done" : "running",
    fingerprint: text("fingerprint"),
    owner: text("owner"),
    attempt: number("attempt"),
    fence: number("fence"),
    leaseUntil: number("leaseUntil"),
    checkpoints,
    result: isDone ? rest : undefined,
    createdAt: number("createdAt"),
    expiresAt: number("expiresAt"),
  };
}

/** One step as it is stored: the length of its result in bytes, its name as JSON, and its result. */
export function stepBytes(name: string, result: Uint8Array): Uint8Array {
  return joinBytes([new TextEncoder().encode(`${result.length} ${JSON.stringify(name)}\n`), result]);
}

/** The steps that were stored, of two with one name the later one; `undefined` for what are none. */
export function stepsOf(stored: Uint8Array): Record<string, Uint8Array> | undefined {
  const steps: [string, Uint8Array][] = [];
  for (let at = 0; at < stored.length;) {
    const resultAt = stored.indexOf(0x0a, at) + 1;
    const [, length, name] = /^(\d+) (.*)\n$/.exec(textOf(stored.subarray(at, resultAt))) ?? [];
    if (length === undefined || name === undefined) return undefined;
    at = resultAt + Number(length);
    if (at > stored.length) return undefined;
    steps.push([JSON.parse(name) as string, stored.subarray(resultAt, at)]);
  }
  return Object.fromEntries(steps);
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
