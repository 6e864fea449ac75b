import { expect, test } from "vitest";
import { isLoopbackName, findRefusal } from "./access.ts";

const token = "secret";
const ours = "127.0.0.1:4000";
const right = "Bearer secret";

test.each([
  ["GET", ours, undefined, undefined],
  ["GET", "localhost:4000", undefined, undefined],
  ["GET", "[::1]:4000", undefined, undefined],
  ["GET", "evil.example:4000", right, "host"],
  ["GET", "127.0.0.1.evil.example", right, "host"],
  ["GET", undefined, right, "host"],
  ["POST", ours, undefined, "token"],
  ["POST", ours, "Bearer wrong", "token"],
  ["POST", ours, "Basic secret", "token"],
  ["POST", ours, right, undefined],
  ["POST", "evil.example", right, "host"],
] as const)("on loopback, %s to %s with %s: %s", (method, host, authorization, refused) => {
  expect(findRefusal({ method, host, authorization }, { isLoopback: true, requireToken: false, token })).toBe(refused);
});

test.each([
  ["GET", undefined, "token"],
  ["GET", right, undefined],
  ["POST", "bearer wrong", "token"],
  ["POST", right, undefined],
] as const)("beyond loopback, %s with %s: %s", (method, authorization, refused) => {
  expect(
    findRefusal({ method, host: "shop.example", authorization }, { isLoopback: false, requireToken: false, token }),
  ).toBe(refused);
});

test.each([
  ["GET", undefined, "token"],
  ["GET", right, undefined],
  ["POST", right, undefined],
] as const)("on loopback, where the token is required, %s with %s: %s", (method, authorization, refused) => {
  const access = { isLoopback: true, requireToken: true, token };
  expect(findRefusal({ method, host: ours, authorization }, access)).toBe(refused);
});

test.each([
  ["127.0.0.1", true],
  ["127.9.9.9", true],
  ["::1", true],
  ["localhost", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
  ["127.0.0.1.evil.example", false],
])("%s is this machine's own: %s", (name, isOwn) => {
  expect(isLoopbackName(name)).toBe(isOwn);
});
