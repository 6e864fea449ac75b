import { expect, test } from "vitest";
import { normalPath, pathPattern } from "./path-pattern.ts";

test.each([
  ["/orders?x=/../y", "/orders"],
  ["/orders/", "/orders"],
  ["//orders//7", "/orders/7"],
  ["/a/../orders/./7", "/orders/7"],
  ["/../../orders", "/orders"],
  ["/%6Frders/%7E7", "/orders/~7"],
  ["/orders/a%2fb", "/orders/a%2Fb"],
  ["/a/%2e%2e/orders", "/orders"],
  ["*", "/*"],
  ["/", "/"],
])("the path of %s is matched as %s", (target, path) => {
  expect(normalPath(target)).toBe(path);
});

test.each([
  ["*", "/anything/at/all", {}],
  ["/", "/", {}],
  ["/orders", "/orders", {}],
  ["/orders", "/orders/7", undefined],
  ["/orders", "/Orders", undefined],
  ["/orders/{id}", "/orders/7", { id: "7" }],
  ["/orders/{id}", "/orders", undefined],
  ["/orders/{id}/lines/{line}", "/orders/7/lines/1", { id: "7", line: "1" }],
  ["/orders/*", "/orders", {}],
  ["/orders/*", "/orders/7/lines", {}],
  ["/orders/*", "/ordersx", undefined],
  ["/a.b", "/axb", undefined],
  ["/orders/{id}:cancel", "/orders/a:b:cancel", { id: "a:b" }],
  ["/orders/{id}:cancel", "/orders/:cancel", undefined],
  ["/orders/{id}:cancel", "/orders/7:pay", undefined],
  ["/v{version}/{order-id}.json", "/v2/7.json", { version: "2", "order-id": "7" }],
  ["/compare/{base}...{head}", "/compare/main...fix...2", { base: "main", head: "fix...2" }],
  ["/compare/{base}...{head}", "/compare/main...", undefined],
  ["/compare/{base}...{head}", "/compare/...fix", undefined],
  ["/{a}-{b}-{c}x", `/${"-".repeat(16_000)}`, undefined],
])("the pattern %s has of %s: %j", (template, path, variables) => {
  expect(pathPattern(template)(path)).toEqual(variables);
});

test.each(["orders", "/orders/{}", "/orders/{a}{b}", "/orders/{id", "/*/orders"])("%s is no pattern", (template) => {
  expect(() => pathPattern(template)).toThrow(/path/i);
});
