import { createHash, createHmac } from "node:crypto";
import type { Random } from "../../../packages/once-again/src/core/random.ts";

/**
 * Takes the place of what the platform does by chance or on other threads, so that a seed decides everything: random
 * bytes and identifiers, digests (WebCrypto works on a thread pool) and message channels.
 *
 * @returns a function that puts the platform's own back.
 */
export function deterministicPlatform(random: Random): () => void {
  const { crypto, MessageChannel } = globalThis;
  define("crypto", seededCrypto(random));
  define("MessageChannel", PromptChannel);
  return () => {
    define("crypto", crypto);
    define("MessageChannel", MessageChannel);
  };
}

function define(name: "crypto" | "MessageChannel", value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

/** As much of WebCrypto as the library's client, server and keys use. */
function seededCrypto(random: Random): object {
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(random() * 256));
  return {
    randomUUID: () => Buffer.from(bytes(16)).toString("hex"),
    getRandomValues(array: Uint8Array) {
      array.set(bytes(array.length));
      return array;
    },
    subtle: {
      digest: async (_name: string, data: Uint8Array) => Uint8Array.from(createHash("sha256").update(data).digest()),
      importKey: async (_format: string, secret: Uint8Array) => secret,
      sign: async (_name: string, secret: Uint8Array, data: Uint8Array) =>
        Uint8Array.from(createHmac("sha256", secret).update(data).digest()),
    },
  };
}

/** A channel that delivers its message as soon as possible; the client uses one to wait for a turn of the event loop. */
class PromptChannel {
  readonly #target = new EventTarget();
  readonly port1 = {
    addEventListener: (...args: Parameters<EventTarget["addEventListener"]>) => this.#target.addEventListener(...args),
    start: () => undefined,
    close: () => undefined,
  };
  readonly port2 = {
    postMessage: () => queueMicrotask(() => this.#target.dispatchEvent(new Event("message"))),
  };
}
