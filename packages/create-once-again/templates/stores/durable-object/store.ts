import { DurableObject, env } from "cloudflare:workers";
import { durableObjectStore, onceObject } from "once-again/cloudflare";

/** The objects that have the keys. */
export class OnceKeys extends onceObject(DurableObject) {}

export const store = durableObjectStore(env.ONCE);
