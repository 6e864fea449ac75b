/** Headers by name. `undefined` takes a name away that an earlier list may have. */
export type HeaderList = Readonly<Record<string, string | undefined>>;

/**
 * Makes the headers with which a message is published, for every publisher that sends it with headers of ours. Each name is
 * there once, in lower case, and a later list wins: brokers and HTTP join two spellings of one name, or deliver both, and a
 * consumer would then read an id or a signature that is not the one that was sent.
 *
 * @param lists the message's own headers first, those of the publisher last.
 */
export function messageHeaders(...lists: readonly HeaderList[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (const list of lists) {
    for (const [name, value] of Object.entries(list)) {
      const lowerCase = name.toLowerCase();
      if (value === undefined) headers.delete(lowerCase);
      else headers.set(lowerCase, value);
    }
  }
  return Object.fromEntries(headers);
}
