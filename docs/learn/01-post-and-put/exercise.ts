/** The data of the shop. Both calls write, and each call of `addOrder` makes an order. */
export interface ShopDatabase {
  addOrder(item: string): Promise<number>;
  readAddresses(user: string): Promise<string[]>;
  writeAddresses(user: string, addresses: string[]): Promise<void>;
}

/** A shop: PUT /users/NAME sets the address of a user, GET reads it, POST /orders places an order. */
export function createShop(database: ShopDatabase): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname } = new URL(request.url);

    if (pathname.startsWith("/users/")) {
      const user = pathname.slice("/users/".length);
      const addresses = await database.readAddresses(user);
      if (request.method === "PUT") {
        addresses.push(await request.text());
        await database.writeAddresses(user, addresses);
      }
      return Response.json({ addresses });
    }

    const { item } = (await request.json()) as { item: string };
    const id = await database.addOrder(item);
    return Response.json({ id }, { status: 201 });
  };
}
