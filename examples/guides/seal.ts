import { onceWeb } from "once-again/web";
import { sealedStore } from "once-again/stores";
import { sqliteStore } from "once-again/stores/sqlite";

// 32 random bytes for each key, from your secret manager: openssl rand -hex 32
const sealKey = (id: string, variable: string) => ({
  id,
  secret: new Uint8Array(Buffer.from(process.env[variable] ?? "", "hex")),
});

const plain = sqliteStore({ path: process.env["KEYS_DB"] ?? "keys.db" });
// The first key seals, every key opens. A new one goes in front; an old one goes when what it sealed has expired.
const store = sealedStore(plain, [sealKey("2027", "SEAL_2027"), sealKey("2026", "SEAL_2026")]);

const patients = onceWeb({ store, scope: "public" }, () => Response.json({ diagnosis: "hay fever" }));

const request = (): Request =>
  new Request("http://clinic.example/visits", { method: "POST", headers: { "idempotency-key": "visit-1" } });
await patients(request());
console.log(await (await patients(request())).text());

const stored = await plain.inspect({ scope: "public", key: "visit-1" });
console.log("readable in the database:", Buffer.from(stored?.record.result ?? []).includes("hay fever"));
