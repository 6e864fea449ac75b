import { expect, test } from "vitest";
import { onceWeb } from "../frameworks/web.ts";
import { sealedStore } from "../stores/sealed-store.ts";
import type { SealKey } from "../stores/sealer.ts";
import { memoryStore } from "../stores/memory/index.ts";

const sealKey = (id: string, byte: number): SealKey => ({ id, secret: new Uint8Array(32).fill(byte) });

test("a result that no key opens is never called a request that had no effect", async () => {
  const inner = memoryStore();
  let effects = 0;
  const errors: unknown[] = [];
  const routeWith = (key: SealKey) =>
    onceWeb({ store: sealedStore(inner, [key]), scope: "public", onError: (error) => errors.push(error) }, () => {
      effects += 1;
      return new Response("made", { status: 201 });
    });
  const post = () =>
    new Request("http://shop.test/orders", { method: "POST", headers: { "idempotency-key": "order-7" } });
  expect((await routeWith(sealKey("2026", 1))(post())).status).toBe(201);
  const repeat = await routeWith(sealKey("2027", 2))(post());
  expect(repeat.status).toBe(500);
  expect(await repeat.json()).toMatchObject({ code: "ONCE_SEAL_BROKEN" });
  expect(repeat.headers.has("retry-after")).toBe(false);
  expect(errors).toHaveLength(1);
  expect(effects).toBe(1);
});
