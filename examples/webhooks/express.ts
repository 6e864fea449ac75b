import express from "express";
import { onceExpress } from "once-again/express";
import { handle, type OrderEvent, webhooks } from "./webhooks.ts";

const app = express();
app.post("/webhooks", onceExpress(webhooks), express.json(), (request, response) => {
  handle(request.body as OrderEvent, response.locals.once!);
  response.sendStatus(204);
});
app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", (error) => {
  if (error) throw error;
  console.log("listening");
});
