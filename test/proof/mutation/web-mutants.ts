import type { Check, Mutant } from "./mutant.ts";

const test = (file: string): Check => ({ kind: "test", file });
const frameworks = "packages/once-again/src/frameworks";
const key = "packages/once-again/src/key";

/** A handler's view of a web request, the order of what goes out, and the differences between two requests. */
export const webMutants: readonly Mutant[] = [
  {
    guard: "web: a platform with a process that throws has no module of Node's",
    file: "packages/once-again/src/core/builtin-module.ts",
    search: "    return undefined;\n  }\n}",
    replace: "    throw new Error(name);\n  }\n}",
    check: test("packages/once-again/src/core/builtin-module.test.ts"),
    killedBy: "of which each function throws",
  },
  {
    guard: "web: a request that is not the platform's own is copied by itself",
    file: `${frameworks}/web-body.ts`,
    search: "return derived.every((one) => Object.getOwnPropertyNames(one).every((name) => name in base));",
    replace: "return derived.length >= 0;",
    check: test(`${frameworks}/web.test.ts`),
    killedBy: "is handed on as it is, with all that it has beside, and its body can be read",
  },
  {
    guard: "web: a caller who leaves is not seen by a handler's request",
    file: `${frameworks}/web-body.ts`,
    search: "get: () => execution.signal });",
    replace: "get: () => Reflect.get(Object.getPrototypeOf(request) as object, 'signal', request) as unknown });",
    check: test("test/frameworks/request-signals.test.ts"),
    killedBy: "is not seen by the signals of a handler",
  },
  {
    guard: "web: a request that is made of a server's light one ends with the operation",
    file: `${frameworks}/light-messages.ts`,
    search: "return this[signalSource];",
    replace: "return new AbortController();",
    check: test(`${frameworks}/light-messages.test.ts`),
    killedBy: "ends the signals of its request, and of those made of it",
  },
  {
    guard: "web: what a handler writes into its body is not the next run's",
    file: `${frameworks}/light-messages.ts`,
    search: "(this.#copy ??= Buffer.from(new Uint8Array(this.bytes).buffer))",
    replace: "(this.#copy ??= Buffer.from(this.bytes.buffer))",
    check: test(`${frameworks}/light-messages.test.ts`),
    killedBy: "leaves the body of the next run as it was",
  },
  {
    guard: "web: a handler's signals are not those of a rule that read before it",
    file: `${frameworks}/light-messages.ts`,
    search: "return isRead ? new LightCopy(this as unknown as Request, bytes, this[signalSource]) : this;",
    replace: "return this;",
    check: test(`${frameworks}/light-messages.test.ts`),
    killedBy: "its handler's is unread, and has the operation's signal",
  },
  {
    guard: "web: a stored body is sent with its own framing",
    file: `${frameworks}/web-messages.ts`,
    search: "if (isOfOtherFraming(lowerCase, value, body)) continue;",
    replace: "",
    check: test(`${frameworks}/web.test.ts`),
    killedBy: "may say that its body comes in chunks",
  },
  {
    guard: "Hono: a response that came just before ours is the operation's",
    file: `${frameworks}/hono-response.ts`,
    search: "this.#keepOwn();\n      this.#inFront = new Headers();",
    replace: "this.#inFront = new Headers();",
    check: test(`${frameworks}/hono-response.test.ts`),
    killedBy: "is the result of its key, however soon that is",
  },
  {
    guard: "Fastify: headers of the raw response stay",
    file: `${frameworks}/run-fastify-middleware.ts`,
    search: "for (const [name] of own) {",
    replace: "for (const name in raw) response.removeHeader(name); for (const [name] of own) {",
    check: test(`${frameworks}/fastify.test.ts`),
    killedBy: "headers that hooks set on the raw response",
  },
  {
    guard: "bodies: crumbs are collected in one array",
    file: "packages/once-again/src/core/bytes.ts",
    search: "Math.max(this.#length, 2 * room.length, firstRoom)",
    replace: "this.#length",
    check: test("packages/once-again/src/core/bytes.test.ts"),
    killedBy: "grows a few times for a body of one-byte chunks",
  },
  {
    guard: "fingerprint: a part's own headers count",
    file: `${key}/multipart.ts`,
    search: 'return isShown ? "" : head;',
    replace: 'return isShown ? "" : "";',
    check: test(`${key}/fingerprint.test.ts`),
    killedBy: "what a multipart body has beside names, values and files",
  },
  {
    guard: "fingerprint: a form of a million fields is linear",
    file: `${key}/fingerprint.ts`,
    search: 'if (text.split("&", fieldsMax + 1).length > fieldsMax) return text;',
    replace: "",
    check: test(`${key}/fingerprint.test.ts`),
    killedBy: "a form of a million fields",
  },
];
