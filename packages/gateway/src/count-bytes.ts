import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** After so many bytes of bodies that were passed on, their buffers are collected. */
const collectAfterBytes = 8 * 1_048_576;

/** Collects the young generation of this process's heap. */
let collect: (() => void) | undefined;
let uncollected = 0;

/**
 * Counts bytes of a body that is passed on. V8 sees the small objects of a stream, and hardly the buffers that they own: left
 * to itself it collects when some hundred MiB of them are dead.
 */
export function countBytes({ length }: Uint8Array): void {
  uncollected += length;
  if (uncollected < collectAfterBytes) return;
  uncollected = 0;
  collect ??= youngCollector();
  collect();
}

/** Gets V8's `gc` by a flag that is set only while a new context is made: our own globals never have it. */
function youngCollector(): () => void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("globalThis.gc") as ((options: object) => void) | undefined;
  setFlagsFromString("--no-expose-gc");
  return () => gc?.({ type: "minor" });
}
