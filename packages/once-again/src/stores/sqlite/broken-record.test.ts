import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { onceWeb } from "../../frameworks/web.ts";
import { sqliteStore } from "./store.ts";

test.for(["leased", "transactional"] as const)(
  "a request with a broken record is answered 500 in %s mode, its error is reported, and its handler does not run",
  async (mode) => {
    const path = join(temporaryFolder(), "keys.db");
    const store = sqliteStore({ path });
    onTestFinished(() => store.close());
    let runs = 0;
    const errors: unknown[] = [];
    const options = { store, scope: "public", onError: (error: unknown) => errors.push(error) } as const;
    const work = () => {
      runs += 1;
      return Response.json({ runs }, { status: 201 });
    };
    const handler = mode === "leased" ? onceWeb(options, work) : onceWeb({ ...options, mode }, work);
    const send = () =>
      handler(new Request("http://shop.test/orders", { method: "POST", headers: { "Idempotency-Key": "order-7" } }));
    expect((await send()).status).toBe(201);
    const database = new DatabaseSync(path);
    database.exec("UPDATE once_again_keys SET result = NULL");
    database.close();
    const repeat = await send();
    expect(repeat.status).toBe(500);
    expect(await repeat.json()).toMatchObject({ code: "ONCE_RECORD_BROKEN" });
    expect(repeat.headers.has("retry-after")).toBe(false);
    expect(runs).toBe(1);
    const causes = errors.flatMap((error) => {
      const chain: string[] = [];
      for (let inner = error; inner instanceof Error; inner = inner.cause)
        chain.push(String((inner as { code?: string }).code));
      return chain;
    });
    expect(causes).toContain("ONCE_RECORD_BROKEN");
  },
);
