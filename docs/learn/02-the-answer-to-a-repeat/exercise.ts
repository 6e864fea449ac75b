/** Where orders are stored. Each call makes an order. */
export interface Orders {
  add(item: string): Promise<number>;
}

/** A shop that places each order once. */
export function createShop(orders: Orders): (request: Request) => Promise<Response> {
  const seen = new Set<string>();

  return async (request) => {
    const key = request.headers.get("Idempotency-Key");
    if (key === null) return new Response("An Idempotency-Key is needed.", { status: 400 });
    if (seen.has(key)) return new Response("This order was placed already.", { status: 409 });
    seen.add(key);

    const { item } = (await request.json()) as { item: string };
    const id = await orders.add(item);
    return Response.json({ id, item }, { status: 201, headers: { Location: `/orders/${id}` } });
  };
}
