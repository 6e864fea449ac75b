/** How long to wait before a retry, milliseconds. `retry` is 1 before the first one; `random` draws from 0 up to 1. */
export function waitBeforeRetry(retry: number, _random: () => number): number {
  return Math.min(1000 * 2 ** (retry - 1), 30_000);
}
