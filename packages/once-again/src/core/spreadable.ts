/**
 * A handler of proxies that shows getters as own properties, so that a spread has them too. A getter defined on each object
 * would do the same, and give each a separate hidden class.
 *
 * @param names the properties that a spread copies.
 */
export function ownGetters<Target extends object>(names: readonly (keyof Target & string)[]): ProxyHandler<Target> {
  const own = [...names];
  return {
    get: (target, name) => target[name as keyof Target],
    ownKeys: () => own,
    getOwnPropertyDescriptor: (target, name) => ({
      value: target[name as keyof Target],
      enumerable: true,
      configurable: true,
      writable: true,
    }),
  };
}
