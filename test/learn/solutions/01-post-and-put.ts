/** The data of the shop. Both calls write, and each call of `addOrder` makes an order. */
export interface ShopDatabase {
  addOrder(item: string): Promise<number>;
  readAddresses(user: string): Promise<string[]>;
  writeAddresses(user: string, addresses: string[]): Promise<void>;
}

/** A shop: PUT /users/NAME sets the address of a user, GET reads it, POST /orders places an order. */
export function createShop(database: ShopDatabase): (request: Request) => Promise<Response> {
  const placed = new Map<string, Promise<number>>();

  return async (request) => {
    const { pathname } = new URL(request.url);

    if (pathname.startsWith("/users/")) {
      const user = pathname.slice("/users/".length);
      if (request.method === "PUT") await database.writeAddresses(user, [await request.text()]);
      return Response.json({ addresses: await database.readAddresses(user) });
    }

    const { item } = (await request.json()) as { item: string };
    const key = request.headers.get("Idempotency-Key");
    const order = (key === null ? undefined : placed.get(key)) ?? database.addOrder(item);
    if (key !== null) placed.set(key, order);
    return Response.json({ id: await order }, { status: 201 });
  };
}
