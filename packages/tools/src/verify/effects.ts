import { OnceAgainError } from "once-again";
import type { Limits } from "./connection.ts";
import { readPath } from "./json-path.ts";
import type { HeaderList } from "./test-request.ts";
import type { EffectsPage } from "./verify-options.ts";
import { socketSender } from "./send-modes.ts";

/** A function that reads the number of effects from a page. It rejects with `ONCE_TARGET_UNFIT` when it can't. */
export function effectsReader({ url, path }: EffectsPage, headers: HeaderList, limits: Limits): () => Promise<number> {
  const { pathname, search } = new URL(url);
  const sender = socketSender(new URL(url), limits);
  const body = Buffer.alloc(0);
  return async () => {
    const [response] = await sender({
      mode: "in-turn",
      requests: [{ method: "GET", target: pathname + search, headers, body, framing: "length" }],
    });
    const count = response?.status === 200 ? readCount(response.body.toString(), path) : undefined;
    if (count !== undefined) return count;
    const where = path === undefined ? "" : ` at ${path}`;
    throw new OnceAgainError("ONCE_TARGET_UNFIT", `${url} must answer 200 with the number of effects${where}.`);
  };
}

/** A number, or the length of a list. */
function readCount(text: string, path = ""): number | undefined {
  const value = readPath(text, path);
  const count = Array.isArray(value) ? value.length : Number(value ?? Number.NaN);
  return Number.isSafeInteger(count) ? count : undefined;
}
