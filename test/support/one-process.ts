/**
 * For test files that start no process (scripts/test-files.ts): one that does fails. Many of them share a process, so that each gives
 * back the globals as it found them: a server of Hono replaces `Request` and `Response`, and undici the dispatcher of `fetch`.
 */
import { ChildProcess } from "node:child_process";
import { afterAll } from "vitest";

Object.assign(ChildProcess.prototype, {
  spawn() {
    throw new Error(
      "This test file starts a process, and by its imports it does not. If a module does that for it, name that module in `starters` of scripts/test-files.ts.",
    );
  },
});

const globals = Object.getOwnPropertyDescriptors(globalThis) as Record<string | symbol, PropertyDescriptor>;

afterAll(() => {
  for (const name of Reflect.ownKeys(globals)) {
    if (String(name).includes("vitest")) continue;
    const before = globals[name]!;
    const now = Reflect.getOwnPropertyDescriptor(globalThis, name);
    if (now?.value !== before.value || now?.get !== before.get) Reflect.defineProperty(globalThis, name, before);
  }
});
