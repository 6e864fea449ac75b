import type { ServerResponse } from "node:http";

/** The methods by which a response is written. Middleware replaces them to see what goes out. */
export const writing = ["writeHead", "flushHeaders", "write", "end", "addTrailers"] as const;
const replaceable = [...writing, "destroy", "emit"] as const;

export const noMethods: Record<string, unknown> = Object.freeze({});

/** Takes off what replaces methods of the response. */
export function takeMethods(response: ServerResponse): Record<string, unknown> {
  let taken = noMethods;
  for (const name of replaceable) {
    if (!Object.hasOwn(response, name)) continue;
    if (taken === noMethods) taken = {};
    taken[name] = response[name];
    Reflect.deleteProperty(response, name);
  }
  return taken;
}
