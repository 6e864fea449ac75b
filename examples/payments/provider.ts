import express from "express";

interface Charge {
  readonly reference: string;
  readonly amount: number;
}

/**
 * Stands for a payment provider. It charges every request, as often as it arrives, and can be asked what it
 * charged for a reference. The response to every third charge is lost on the way back.
 */
const charges: Charge[] = [];

const provider = express();
provider.post("/charges", express.json(), (request, response) => {
  const { reference, amount } = request.body as Charge;
  charges.push({ reference, amount });
  process.send?.({ charged: reference });
  if (charges.length % 3 === 0) request.socket.destroy();
  else setTimeout(() => response.status(201).json({ id: charges.length }), 100);
});
provider.get("/charges", ({ query }, response) => {
  response.json(
    charges.filter(({ reference }) => query["reference"] === undefined || query["reference"] === reference),
  );
});

const server = provider.listen(0, "127.0.0.1", (error) => {
  if (error) throw error;
  process.send?.({ url: `http://127.0.0.1:${(server.address() as { port: number }).port}` });
});
