/** Calls `send` until the response is a success, at most five times. Answers the last response. */
export async function callWithRetries(
  send: () => Promise<Response>,
  sleep: (ms: number) => Promise<void>,
): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await send();
    const { status } = response;
    const mayRepeat = status >= 500 || status === 408 || status === 425 || status === 429;
    if (!mayRepeat || attempt === 5) return response;
    const retryAfterMs = 1000 * Number(response.headers.get("Retry-After") ?? 0);
    await sleep(Math.max(retryAfterMs, 1000 * 2 ** (attempt - 1)));
  }
}
