/**
 * One thing per origin, made when the origin is first seen. Of the origins only the `originsMax` that were used last
 * are remembered, so that a crawler does not fill the memory; one that returns later starts anew.
 */
export function perOrigin<Thing>(make: (origin: string) => Thing, originsMax = 1000): (origin: string) => Thing {
  // A Map keeps the order of insertion: the first is the one that was not used for longest.
  const things = new Map<string, Thing>();
  // Most calls go where the one before went. A Map from which one deletes and to which one adds costs more than that.
  let latest: { readonly origin: string; readonly thing: Thing } | undefined;
  return (origin) => {
    if (latest?.origin === origin) return latest.thing;
    const thing = things.get(origin) ?? make(origin);
    things.delete(origin);
    things.set(origin, thing);
    const [oldest] = things.keys();
    if (things.size > originsMax && oldest !== undefined) things.delete(oldest);
    latest = { origin, thing };
    return thing;
  };
}
