/** Where orders are stored. Each call makes an order. */
export interface Orders {
  add(item: string): Promise<number>;
}

/** A shop that places each order once. */
export function createShop(orders: Orders): (request: Request) => Promise<Response> {
  const seen = new Map<string, Promise<{ id: number; body: string }>>();

  return async (request) => {
    const key = request.headers.get("Idempotency-Key");
    if (key === null) return new Response("An Idempotency-Key is needed.", { status: 400 });

    const { item } = (await request.json()) as { item: string };
    const order = seen.get(key) ?? orders.add(item).then((id) => ({ id, body: JSON.stringify({ id, item }) }));
    seen.set(key, order);
    const { id, body } = await order;
    const headers = { "Content-Type": "application/json", Location: `/orders/${id}` };
    return new Response(body, { status: 201, headers });
  };
}
