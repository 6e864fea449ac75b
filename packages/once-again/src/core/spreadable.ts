/**
 * A handler of proxies whose getters are properties of their own, so that a spread has them too. A getter of each object
 * would do the same, and give each a shape of its own.
 *
 * @param names all that a spread shall have.
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
