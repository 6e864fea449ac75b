/** Calls `send` until it succeeds, at most `attemptsMax` times. Binary exponential backoff: the first wait is 1 s. */
export async function callWithRetries(
  send: () => Promise<string>,
  sleep: (ms: number) => Promise<void>,
  attemptsMax: number,
): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      if (attempt === attemptsMax) throw error;
      await sleep(1000 * attempt ** 2);
    }
  }
}
