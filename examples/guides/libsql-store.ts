import { createClient } from "@libsql/client";
import { onceWeb } from "once-again/web";
import { sqliteStore } from "once-again/stores/sqlite";

const store = sqliteStore(createClient({ url: "file:shop.db" }));

export const orders = onceWeb({ store, scope: "public" }, () => new Response("made", { status: 201 }));
