import express, { type Express } from "express";
import { onceExpress } from "once-again/express";
import { postgresStore } from "once-again/stores/postgres";
import { crashPoint } from "@once-again/testing";
import { Pool } from "pg";

/** Your app, as you start it in production too: there, `reach` is a function that does nothing. */
function chargesApp(pool: Pool, reach: (point: string) => Promise<void>): Express {
  const once = onceExpress({ mode: "transactional", store: postgresStore(pool), scope: "public" });
  const app = express();
  app.post("/charges", once, express.json(), async (request, response) => {
    const { amount } = request.body as { amount: number };
    await reach("asked");
    await response.locals.once!.transaction.query("INSERT INTO charges (amount) VALUES ($1)", [amount]);
    await reach("charged");
    response.status(201).json({ charged: amount });
  });
  return app;
}

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
await postgresStore(pool).migrate();
chargesApp(pool, crashPoint).listen(Number(process.env["PORT"]), "127.0.0.1");
