/** Where orders are stored. Each call makes an order. */
export interface Orders {
  add(account: string, item: string): Promise<number>;
}

/** A shop for many accounts. The header `X-Account` says which one asks; a proxy in front has checked it. */
export function createShop(orders: Orders): (request: Request) => Promise<Response> {
  const placed = new Map<string, Promise<string>>();

  return async (request) => {
    const key = request.headers.get("Idempotency-Key");
    const account = request.headers.get("X-Account");
    if (key === null || account === null) return new Response("A header is missing.", { status: 400 });
    const { item } = (await request.json()) as { item: string };

    const place = JSON.stringify([account, key]);
    let body = placed.get(place);
    if (body === undefined) {
      body = orders.add(account, item).then((id) => JSON.stringify({ id, account, item }));
      placed.set(place, body);
    }
    return new Response(await body, { status: 201, headers: { "Content-Type": "application/json" } });
  };
}
