import express from "express";
import { onceExpress } from "once-again/express";
import { sqliteStore } from "once-again/stores/sqlite";

const once = onceExpress({ store: sqliteStore({ path: "keys.db" }), scope: "public" });
const app = express();
app.post("/orders", once, express.json(), (request, response) => {
  response.status(201).json({ order: request.body });
});
app.listen(3000, "127.0.0.1");
