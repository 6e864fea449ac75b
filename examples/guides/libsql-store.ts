import { createClient } from "@libsql/client";
import { onceFetch } from "once-again/fetch";
import { sqliteStore } from "once-again/stores/sqlite";

const store = sqliteStore(createClient({ url: "file:shop.db" }));

export const orders = onceFetch({ store, scope: "public" }, () => new Response("made", { status: 201 }));
