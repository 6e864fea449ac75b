/** Sorts templates of paths as OpenAPI has them matched: `/orders/mine` before `/orders/{id}`. */
export function bySpecificity(one: string, other: string): number {
  const [left, right] = [one.split("/"), other.split("/")];
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const difference = vagueness(left[at]!) - vagueness(right[at]!);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A text, a text with a name in it such as `{id}:cancel`, a name alone. */
function vagueness(segment: string): number {
  if (!segment.includes("{")) return 0;
  return /^\{[^{}]*\}$/.test(segment) ? 2 : 1;
}
