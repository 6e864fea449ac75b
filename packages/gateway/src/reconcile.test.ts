import { expect, test } from "vitest";
import { fillTemplate } from "./reconcile.ts";

test.for<[template: string, key: string, filled: string | undefined]>([
  ["/payments/{key}", "order-7", "/payments/order-7"],
  ["/payments/{key}", "../admin?x", "/payments/..%2Fadmin%3Fx"],
  ["/payments/{key}", "..", undefined],
  ["/payments/{key}/state", ".", undefined],
  ["/payments/.{key}", ".", undefined],
  ["/payments/{key}.json", "..", "/payments/...json"],
  ["/payments?key={key}", "..", "/payments?key=.."],
])("%s with the key %s asks for %s", ([template, key, filled]) => {
  expect(fillTemplate(template, { key })).toBe(filled);
});
