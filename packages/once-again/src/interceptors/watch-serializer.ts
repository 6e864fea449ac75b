/** Axios' `paramsSerializer`, and whether it threw. */
export interface WatchedSerializer {
  readonly serializer: unknown;
  hasFailed(): boolean;
}

/**
 * A `paramsSerializer` that remembers whether it threw. Not every adapter says so in its error, which looks like one of
 * the network's then.
 *
 * @param given a function, an object with `serialize` or `encode`, or nothing.
 */
export function watchSerializer(given: unknown): WatchedSerializer {
  let failed = false;
  const members = typeof given === "function" ? { serialize: given } : given;
  if (typeof members !== "object" || members === null) return { serializer: given, hasFailed: () => false };
  // Axios reads its members other than functions through the prototype.
  const serializer: object = Object.create(members);
  for (const name of ["serialize", "encode"] as const) {
    const member: unknown = (members as Record<string, unknown>)[name];
    if (typeof member !== "function") continue;
    const watched = function (this: unknown, ...parameters: unknown[]): unknown {
      try {
        return Reflect.apply(member, this, parameters);
      } catch (error) {
        failed = true;
        throw error;
      }
    };
    Object.defineProperty(serializer, name, { value: watched, enumerable: true });
  }
  return { serializer, hasFailed: () => failed };
}
