import type { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { Stream } from "node:stream";
import { unconnectedFields } from "./node-private.ts";
import { http } from "../node-http.ts";

/**
 * A response of HTTP/2, or one that an adapter made up, which is a `ServerResponse` of HTTP/1.1 for the time of a run: it
 * has all fields and methods of one, in front of what it has by itself.
 */
export class ConvertedResponse {
  readonly #response: ServerResponse;
  readonly #prototype: object;
  readonly #own: [name: string | symbol, descriptor: PropertyDescriptor | undefined][];

  constructor(response: ServerResponse, method: string | undefined) {
    const fields = unconnectedFields(method);
    this.#response = response;
    this.#prototype = Object.getPrototypeOf(response) as object;
    this.#own = fields.map(([name]) => [name, Object.getOwnPropertyDescriptor(response, name)]);
    Object.setPrototypeOf(response, convertedPrototype(this.#prototype));
    for (const [name, value] of fields) {
      Object.defineProperty(response, name, { value, writable: true, configurable: true, enumerable: true });
    }
  }

  /** Another response of HTTP/2 on the same stream; `undefined` for a response that an adapter made up. */
  openBeside(): ServerResponse | undefined {
    const { stream } = this.#response as unknown as { stream?: EventEmitter };
    if (stream === undefined) return undefined;
    // Each response of a stream would send the trailers.
    stream.removeAllListeners("wantTrailers");
    return Reflect.construct(this.#prototype.constructor, [stream]) as ServerResponse;
  }

  restore(): void {
    Object.setPrototypeOf(this.#response, this.#prototype);
    for (const [name, descriptor] of this.#own) {
      if (descriptor === undefined) Reflect.deleteProperty(this.#response, name);
      else Object.defineProperty(this.#response, name, descriptor);
    }
  }
}

const convertedPrototypes = new WeakMap<object, object>();

/** Methods of HTTP/2 and of adapters that write no part of the stored response. */
const informing: ReadonlySet<string | symbol> = new Set([
  "writeContinue",
  "writeProcessing",
  "writeEarlyHints",
  "writeInformation",
]);

/** A prototype with all of `ServerResponse`, and with the rest of the response's own. One for all responses of a kind. */
function convertedPrototype(prototype: object): object {
  const existing = convertedPrototypes.get(prototype);
  if (existing !== undefined) return existing;
  const converted = Object.create(prototype) as object;
  let level: object = http.ServerResponse.prototype;
  for (; level !== Stream.prototype; level = Object.getPrototypeOf(level) as object) {
    for (const name of Reflect.ownKeys(level)) {
      if (name === "constructor" || Object.hasOwn(converted, name)) continue;
      if (informing.has(name) && name in prototype) continue;
      Object.defineProperty(converted, name, Object.getOwnPropertyDescriptor(level, name)!);
    }
  }
  convertedPrototypes.set(prototype, converted);
  return converted;
}
