/** Where orders are stored. Each call makes an order. */
export interface Orders {
  add(item: string): Promise<number>;
}

/** A shop that places each order once. */
export function createShop(orders: Orders): (request: Request) => Promise<Response> {
  const placed = new Map<string, Promise<string>>();

  return async (request) => {
    const key = request.headers.get("Idempotency-Key");
    if (key === null) return new Response("An Idempotency-Key is needed.", { status: 400 });
    const text = await request.text();
    const { item } = JSON.parse(text) as { item: string };

    let body = placed.get(key);
    if (body === undefined) {
      body = orders.add(item).then((id) => JSON.stringify({ id, item }));
      placed.set(key, body);
    }
    return new Response(await body, { status: 201, headers: { "Content-Type": "application/json" } });
  };
}
