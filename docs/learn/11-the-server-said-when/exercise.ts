/** Calls `send` until the response is a success, at most five times. Answers the last response. */
export async function callWithRetries(
  send: () => Promise<Response>,
  sleep: (ms: number) => Promise<void>,
): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    const response = await send();
    if (response.ok || attempt === 5) return response;
    await sleep(1000 * 2 ** (attempt - 1));
  }
}
