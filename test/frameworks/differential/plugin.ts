import type { RequestListener } from "node:http";
import type { RequestForm, Subject } from "./subject.ts";

// The most used middleware, mounted in front of once-again and behind it.

export const order = { item: "tea", cups: 2, note: "x".repeat(2000) };

export type Place = "in front" | "behind";

interface Placed {
  readonly framework: string;
  readonly plugin: string;
  /** The names of its routes. */
  readonly routes: readonly string[];
  /** Default both. */
  readonly places?: readonly Place[] | undefined;
  /** The request that it is for; default a POST of JSON. */
  readonly request?: RequestForm | undefined;
}

/** The applications of one plugin: one for each place. */
export function placed(
  { framework, plugin, routes, places = ["in front", "behind"], request = {} }: Placed,
  listen: (place: Place, isGuarded: boolean) => Promise<RequestListener>,
): Subject[] {
  return places.map((place) => ({
    name: `${framework}, ${plugin} ${place}`,
    programs: routes.map((route) => `plugin/${route}`),
    request,
    listener: (isGuarded) => listen(place, isGuarded),
  }));
}

/** Mounts a plugin and once-again in the order that is asked for. */
export function mount<Handler>(
  place: Place,
  use: (handler: Handler) => unknown,
  plugin: Handler,
  once: Handler | undefined,
): void {
  for (const handler of place === "in front" ? [plugin, once] : [once, plugin]) {
    if (handler !== undefined) use(handler);
  }
}

const boundary = "------------------------7d1f0b";

/** A form with a field and a file. */
export const upload: RequestForm = {
  headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
  body: [
    `--${boundary}`,
    'content-disposition: form-data; name="item"',
    "",
    "tea",
    `--${boundary}`,
    'content-disposition: form-data; name="leaf"; filename="leaf.txt"',
    "content-type: text/plain",
    "",
    "green",
    `--${boundary}--`,
    "",
  ].join("\r\n"),
};
