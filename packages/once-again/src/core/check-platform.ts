/**
 * Refuses a platform that is too old. It would fail in the middle of an operation, and take its own failure for a caller's.
 *
 * @throws Error
 */
export function checkPlatform(): void {
  if (!("withResolvers" in Promise)) throw new Error("once-again needs Promise.withResolvers, as Node 22.18 has it.");
}
