import type { OutboxStore, ParkedMessage } from "once-again/outbox";

/** Some parked messages, the oldest first. */
export interface ParkedPage {
  readonly messages: readonly ParkedMessage[];
  /** After which position the next page begins; null on the last one. */
  readonly next: string | null;
}

/** How many messages a page has at most: an outbox lists no more at a time. */
export const parkedPageMax = 1000;

/** Lists a page, and finds out whether there is another. */
export async function listParkedPage(
  outbox: Pick<OutboxStore<never>, "listParked">,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined },
): Promise<ParkedPage> {
  const messages = await outbox.listParked({ limit, after });
  const last = messages.at(-1);
  if (messages.length < limit || last === undefined) return { messages, next: null };
  const [following] = await outbox.listParked({ limit: 1, after: last.position });
  return { messages, next: following === undefined ? null : last.position };
}
