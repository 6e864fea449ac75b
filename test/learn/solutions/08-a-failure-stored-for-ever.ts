/** The bank. It throws when it refused the connection: then nothing was charged. */
export interface Bank {
  charge(amount: number): Promise<string>;
}

/** A stored response. */
interface Stored {
  readonly status: number;
  readonly body: string;
}

/** A shop that charges each payment once. */
export function createShop(bank: Bank): (request: Request) => Promise<Response> {
  const payments = new Map<string, Promise<Stored>>();

  const pay = async (key: string, amount: number): Promise<Stored> => {
    try {
      return { status: 201, body: await bank.charge(amount) };
    } catch {
      payments.delete(key);
      return { status: 503, body: "The bank can't be reached. Nothing was charged." };
    }
  };

  return async (request) => {
    const key = request.headers.get("Idempotency-Key");
    if (key === null) return new Response("An Idempotency-Key is needed.", { status: 400 });
    const { amount } = (await request.json()) as { amount: number };

    let payment = payments.get(key);
    if (payment === undefined) {
      payment = pay(key, amount);
      payments.set(key, payment);
    }
    const { status, body } = await payment;
    return new Response(body, { status });
  };
}
