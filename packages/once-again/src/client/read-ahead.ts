/**
 * Reads an answer's body within its attempt, so that one that breaks off is an attempt that failed. It stays to be read
 * by the caller, from memory. Of one longer than `bytesMax` the rest comes from the connection as ever.
 *
 * @throws what the body's stream fails with.
 */
export async function readAhead(response: Response, bytesMax: number): Promise<void> {
  if (response.body === null || response.bodyUsed) return;
  const reader = response.clone().body?.getReader();
  let bytes = 0;
  for (let chunk = await reader?.read(); chunk?.done === false; chunk = await reader?.read()) {
    bytes += chunk.value.byteLength;
    if (bytes <= bytesMax) continue;
    // The caller reads the rest from its own copy.
    void reader?.cancel().catch(() => undefined);
    return;
  }
}
