/**
 * Puts an entry behind all others of a map. When the map has more than `max` entries then, the first one is forgotten: the one that
 * was put least recently.
 */
export function putLast<K, V>(entries: Map<K, V>, key: K, value: V, max: number): void {
  entries.delete(key);
  entries.set(key, value);
  if (entries.size > max) entries.delete(entries.keys().next().value!);
}
