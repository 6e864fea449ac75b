import type { Awaitable } from "../core/awaitable.ts";
import { builtinModule } from "../core/builtin-module.ts";

/** Up to so many bytes, hashing here takes less time than handing them to another thread and back. */
const hereBytesMax = 65_536;

/** The hash of Node, Deno and Bun, which answers at once: `crypto.subtle` makes even a small text wait for a thread. */
const hashHere = builtinModule("node:crypto")?.hash;

/** SHA-256 in hexadecimal, of bytes or of a text's UTF-8; at once where it can be had at once. */
export function sha256(content: Uint8Array<ArrayBuffer> | string): Awaitable<string> {
  if (content.length <= hereBytesMax && hashHere !== undefined) return hashHere("sha256", content, "hex");
  return sha256Elsewhere(content);
}

async function sha256Elsewhere(content: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
