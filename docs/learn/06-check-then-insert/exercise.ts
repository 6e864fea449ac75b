/** The tables of the shop. Each call is a round trip to the database. */
export interface ShopDatabase {
  /** The response that is stored for a key, if there is one. */
  findResponse(key: string): Promise<string | undefined>;
  /** Inserts the key. Answers false, and changes nothing, if the key is there: it has a unique constraint. */
  insertKey(key: string): Promise<boolean>;
  storeResponse(key: string, body: string): Promise<void>;
  /** Each call makes an order. */
  addOrder(item: string): Promise<number>;
}

const json = { "Content-Type": "application/json" };

/** A shop that places each order once. */
export function createShop(database: ShopDatabase): (request: Request) => Promise<Response> {
  return async (request) => {
    const key = request.headers.get("Idempotency-Key");
    if (key === null) return new Response("An Idempotency-Key is needed.", { status: 400 });
    const { item } = (await request.json()) as { item: string };

    const stored = await database.findResponse(key);
    if (stored !== undefined) return new Response(stored, { status: 201, headers: json });

    const id = await database.addOrder(item);
    const body = JSON.stringify({ id, item });
    await database.insertKey(key);
    await database.storeResponse(key, body);
    return new Response(body, { status: 201, headers: json });
  };
}
