import type { Idempotency } from "@node-idempotency/core";
import { idempotency, type IdempotencyOptions, getSharedIdempotencyService } from "express-idempotency";
import { path } from "./exchange.ts";
import { type Guarded, plainWork, type Setup } from "./setup.ts";

/**
 * `@node-idempotency/core`, which has no plugin for Express or Fastify, called as its own plugin for Nest calls it: the
 * answer is stored before it goes out.
 */
export function nodeIdempotency(core: Idempotency): Guarded {
  return async ({ headers, body }, work) => {
    const request = { headers, body, path, method: "POST" };
    const known = await core.onRequest(request);
    if (known !== undefined) return known.body as string;
    const text = await work(undefined);
    await core.onResponse(request, { body: text });
    return text;
  };
}

/** `express-idempotency`, as its README has it. It answers first, and keeps the answer afterwards. */
export function expressIdempotency(options: IdempotencyOptions = {}): Setup {
  const middleware = idempotency(options);
  return {
    kind: "middleware",
    middleware: middleware as never,
    isHit: (request) => getSharedIdempotencyService().isHit(request as never),
    work: plainWork,
  };
}
