import { expect, test } from "vitest";
import { hidesDotSegments, normalPath, pathPattern } from "./path-pattern.ts";

test.each([
  ["/orders?x=/../y", "/orders"],
  ["/orders/", "/orders"],
  ["//orders//7", "/orders/7"],
  ["/a/../orders/./7", "/orders/7"],
  ["/../../orders", "/orders"],
  ["/%6Frders/%7E7", "/orders/~7"],
  ["/orders/a%2fb", "/orders/a%2Fb"],
  ["/a/%2e%2e/orders", "/orders"],
  ["/.well-known/a..b/c.?/../d", "/.well-known/a..b/c."],
  ["orders", "/orders"],
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
  ["/orders", "/Orders", {}],
  ["/Orders/{id}:Cancel", "/ORDERS/aB:CANCEL", { id: "aB" }],
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

test.each([
  ["/public/..;/orders", true],
  ["/public/..;x=1/orders", true],
  ["/public/..%2forders", true],
  ["/public/..\\orders", true],
  ["/public/%5c../orders", true],
  ["/public/%252e%252e/orders", true],
  ["/public/%2e%2e%2Forders", true],
  ["/public/%25252e./orders", true],
  ["/public/../orders", false],
  ["/public/%2e%2e/orders", false],
  ["/projects/group%2Fproject/issues", false],
  ["/orders;v=1/a..b", false],
  ["/a/%2e%2e%zz", false],
  ["/search?q=..%2f..;", false],
])("%s hides dot segments: %s", (target, isHidden) => {
  expect(hidesDotSegments(target)).toBe(isHidden);
});

test.each(["orders", "/orders/{}", "/orders/{a}{b}", "/orders/{id", "/*/orders"])("%s is no pattern", (template) => {
  expect(() => pathPattern(template)).toThrow(/path/i);
});
