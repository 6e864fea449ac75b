import { createAdaptorServer } from "@hono/node-server";
import { expect, onTestFinished } from "vitest";

/** Replaces `Request` and `Response` for this test, as each server of Hono in a process does. */
export function replaceGlobalsAsHono(): void {
  const { Request, Response } = globalThis;
  onTestFinished(() => void Object.assign(globalThis, { Request, Response }));
  createAdaptorServer({ fetch: () => new Response() });
  expect([globalThis.Request, globalThis.Response]).not.toContain(Response);
}
