import { computed, signal } from "@preact/signals";
import type { MessageDocument, OutboxDocument } from "../../../src/admin/message-json.ts";
import type { BacklogSample, MessagesEvent, ShownMessages } from "../../../src/console/messages/messages-protocol.ts";
import { listen, read } from "../session.ts";

/** The positions after which the pages begin that lead to the one shown; the first page has none. */
export const trail = signal<readonly string[]>([]);

export const page = signal<OutboxDocument | undefined>(undefined);
export const listProblem = signal<string | undefined>(undefined);
/** The messages of the id that a person has opened. */
export const chosen = signal<readonly MessageDocument[]>([]);
export const latest = signal<BacklogSample | undefined>(undefined);
export const streamProblem = signal<string | undefined>(undefined);
export const chosenId = computed(() => chosen.value[0]?.id);

let asked = 0;

/** Reads the page of messages that is shown. An answer that a later question has overtaken is dropped. */
export async function loadMessages(): Promise<void> {
  const mine = (asked += 1);
  const query = new URLSearchParams({ limit: "50" });
  const after = trail.value.at(-1);
  if (after !== undefined) query.set("after", after);
  try {
    const found = await read<OutboxDocument>(`messages/list?${query}`);
    if (mine !== asked) return;
    page.value = found;
    listProblem.value = undefined;
  } catch (error) {
    if (mine === asked) listProblem.value = (error as Error).message;
  }
}

/** Opens a message, whole. Throws what `read` throws. */
export async function open(id: string): Promise<void> {
  chosen.value = (await read<ShownMessages>(`messages/show?${new URLSearchParams({ id })}`)).messages;
}

/** Follows the outbox, and with it the messages shown, until the returned function is called. */
export function follow(): () => void {
  return listen("messages/watch", {
    onState: (problem) => void (streamProblem.value = problem),
    onEvent: (event, data) => {
      const heard = { event, data } as MessagesEvent;
      latest.value = heard.event === "history" ? (heard.data.at(-1) ?? latest.value) : heard.data;
      void loadMessages();
    },
  });
}
