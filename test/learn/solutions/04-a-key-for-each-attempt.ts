/** Places an order at a shop that honours idempotency keys, and tries up to five times. */
export async function placeOrder(url: string, item: string): Promise<number> {
  const key = crypto.randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key },
        body: JSON.stringify({ item }),
      });
      if (response.status >= 500) throw new Error(`The shop failed with ${response.status}.`);
      const { id } = (await response.json()) as { id: number };
      return id;
    } catch (error) {
      if (attempt === 5) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10 * 2 ** attempt));
    }
  }
}
