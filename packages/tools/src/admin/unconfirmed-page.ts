import type { OutboxStore, UnconfirmedMessage } from "once-again/outbox";
import type { ListUnconfirmedRequest } from "once-again/internal";

/** Some messages that were tried and not confirmed, the oldest first. */
export interface UnconfirmedPage {
  readonly messages: readonly UnconfirmedMessage[];
  /** After which position the next page begins; null on the last one. */
  readonly next: string | null;
}

/** How many messages a page has at most: an outbox lists no more at a time. */
export const pageMax = 1000;

/** Lists a page, and finds out whether there is another. */
export async function listUnconfirmedPage(
  outbox: Pick<OutboxStore<never>, "listUnconfirmed">,
  { limit, after, state }: ListUnconfirmedRequest & { readonly limit: number },
): Promise<UnconfirmedPage> {
  const messages = await outbox.listUnconfirmed({ limit, after, state });
  const last = messages.at(-1);
  if (messages.length < limit || last === undefined) return { messages, next: null };
  const [following] = await outbox.listUnconfirmed({ limit: 1, after: last.position, state });
  return { messages, next: following === undefined ? null : last.position };
}
