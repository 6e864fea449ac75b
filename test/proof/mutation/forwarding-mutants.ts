import type { Check, Mutant } from "./mutant.ts";

const testFile = (file: string): Check => ({ kind: "test", file });
const forwarding = testFile("test/gateway/forwarding.test.ts");

/** Guards of what the gateway is deployed with, and of what the service gets of its callers. */
export const forwardingMutants: readonly Mutant[] = [
  {
    guard: "tools: a store is no variable that was not expanded",
    file: "packages/once-again/src/command/store-location.ts",
    search: "refuseVariables(location, stored);",
    replace: "",
    check: testFile("packages/once-again/src/command/store-location.test.ts"),
    killedBy: "is no store, and the error says what to write",
  },
  {
    guard: "gateway: another spelling of a caller's header is dropped",
    file: "packages/gateway/src/protected-headers.ts",
    search: "return spellings.has(plain) || (plain !== name && hasPrefix(plain));",
    replace: "return spellings.has(plain) && name === undefined;",
    check: forwarding,
    killedBy: "headers that a scope passes on, and a key header",
  },
  {
    guard: "gateway: a caller's header can't be named in Connection",
    file: "packages/gateway/src/forward-headers.ts",
    search: "for (const name of options) if (names.has(name)) options.delete(name);",
    replace: "",
    check: forwarding,
    killedBy: "headers that a scope passes on, and a key header",
  },
  {
    guard: "gateway: the host is in the fingerprint",
    file: "packages/gateway/src/keyed-route.ts",
    search: "path: fingerprintHost ? ",
    replace: 'path: fingerprintHost && path === "" ? ',
    check: forwarding,
    killedBy: "a key at another host is another request",
  },
  {
    guard: "gateway: hidden dot segments are refused",
    file: "packages/gateway/src/accept-request.ts",
    search: "if (hidesDotSegments(url))",
    replace: 'if (hidesDotSegments("/"))',
    check: forwarding,
    killedBy: "a path that only some servers read as another",
  },
  {
    guard: "http: an unreadable record is no sign of no effect",
    file: "packages/once-again/src/http/refusals.ts",
    search: "if (fault !== undefined) {",
    replace: 'if (fault !== undefined && rules.problemBase === "none") {',
    check: testFile("packages/once-again/src/http/broken-seals.test.ts"),
    killedBy: "is never called a request that had no effect",
  },
];
