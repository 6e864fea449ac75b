import type { Mutant } from "./mutant.ts";

/** The check that a test file is. */
const test = (file: string): Mutant["check"] => ({ kind: "test", file });

const runHandler = "packages/once-again/src/http/run-handler.ts";
const onceHttp = "packages/once-again/src/http/once-http.ts";

/** The guards of the HTTP rules and of the fingerprint. */
export const httpMutants: readonly Mutant[] = [
  {
    guard: "answer: what can't be sent is never kept",
    file: runHandler,
    search: "if (unsendable !== undefined)",
    replace: "if (unsendable === undefined && false)",
    check: test("packages/once-again/src/http/sendable.test.ts"),
    killedBy: "is not kept: the outcome stays unknown",
  },
  {
    guard: "answer: a header's value is one that can be sent",
    file: "packages/once-again/src/http/sendable.ts",
    search: "if (notInValue.test(value))",
    replace: "if (value === undefined)",
    check: test("packages/once-again/src/http/sendable.test.ts"),
    killedBy: "it agrees with Node",
  },
  {
    guard: "answer: no answer promises trailers",
    file: runHandler,
    search: "const response = withoutTrailer(given);",
    replace: "const response = given;",
    check: test("packages/once-again/src/http/sendable.test.ts"),
    killedBy: "no answer promises trailers",
  },
  {
    guard: "answer: a failure with a status of success is a failure",
    file: runHandler,
    search: 'if (failure === "failed") return "unknown";',
    replace: "",
    check: test("packages/once-again/src/http/failure.test.ts"),
    killedBy: "a failure answered with 200 is rolled back with its key",
  },
  {
    guard: "answer: in a transaction what asks to come back is rolled back",
    file: runHandler,
    search: 'if (transactional && comeBack.has(status)) return "none";',
    replace: "",
    check: test("packages/once-again/src/http/replays.test.ts"),
    killedBy: "an answer that asks the caller to come back",
  },
  {
    guard: "answer: a failure is never said to be carried out",
    file: runHandler,
    search: 'if (effect === "done" || effect === "refused") return tooLarge(rules);',
    replace: "return tooLarge(rules);",
    check: test("packages/once-again/src/http/replays.test.ts"),
    killedBy: "a failure that is too large is a failure like any other",
  },
  {
    guard: "scope: a missing caller is no caller",
    file: "packages/once-again/src/http/scope.ts",
    search: "if (nobody.has(name.trim()))",
    replace: "if (nobody.size === 0)",
    check: test("packages/once-again/src/http/scope.test.ts"),
    killedBy: "nobody knows whose request this is",
  },
  {
    guard: "old keys: the route that says so runs them",
    file: "packages/once-again/src/http/admission.ts",
    search: 'rules.oldKeys === "refuse" ? keyTime(parsed.key) : undefined',
    replace: "keyTime(parsed.key)",
    check: test("packages/once-again/src/http/refusals.test.ts"),
    killedBy: "a key of any age is a new one",
  },
  {
    guard: "methods: a key on a method that takes none is not looked at",
    file: "packages/once-again/src/http/admission.ts",
    search: "if (!covered) return none;",
    replace: "",
    check: test("packages/once-again/src/http/refusals.test.ts"),
    killedBy: "a key on a method that takes none",
  },
  {
    guard: "quota: what brought no key is given back",
    file: onceHttp,
    search: "if (isCounted && !use.storesNewKey) quota.giveBack(scope);",
    replace: "",
    check: test("packages/once-again/src/http/quota.test.ts"),
    killedBy: "nor a repeat",
  },
  {
    guard: "set up wrongly: it is no store that is down",
    file: onceHttp,
    search: "if (isSetupFault(error)) {",
    replace: "if (isSetupFault(undefined)) {",
    check: test("packages/once-again/src/http/refusals.test.ts"),
    killedBy: "a store that will never keep this",
  },
  {
    guard: "options: a name that nobody reads is refused",
    file: "packages/once-again/src/core/option-names.ts",
    search: "if (known[name] !== true)",
    replace: "if (known === undefined)",
    check: test("test/option-names.test.ts"),
    killedBy: "refuses a name that is no option of it",
  },
  {
    guard: "options: what is no store is refused",
    file: "packages/once-again/src/engine/check-store.ts",
    search: 'if (!hasMethod(store, "claim")) throw',
    replace: 'if (store === "none") throw',
    check: test("test/option-names.test.ts"),
    killedBy: "a Pool of pg",
  },
  {
    guard: "fingerprint: a member that stands twice counts",
    file: "packages/once-again/src/key/canonical-body.ts",
    search: "if (members > 1 && members !== scanJson(canonical).members)",
    replace: "if (members < 0)",
    check: test("packages/once-again/src/key/fingerprint.test.ts"),
    killedBy: "JSON with a member twice",
  },
  {
    guard: "fingerprint: a number that a double can't keep counts",
    file: "packages/once-again/src/key/canonical-body.ts",
    search: "if (!isExact)",
    replace: "if (members < 0)",
    check: test("packages/once-again/src/key/fingerprint.test.ts"),
    killedBy: "two whole numbers are one only",
  },
  {
    guard: "fingerprint: a target in absolute form is the same request",
    file: onceHttp,
    search: "const path = originForm(request.path);",
    replace: "const { path } = request;",
    check: test("packages/once-again/src/http/once-http.test.ts"),
    killedBy: "a target in absolute form",
  },
];
