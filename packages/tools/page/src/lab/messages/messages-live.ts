import { signal } from "@preact/signals";
import type { MessagesState } from "../../../../src/lab/messages/live/messages-protocol.ts";
import { listen } from "../../session.ts";
import { command, streamProblem } from "../lab-live.ts";

/** The state of the story of messages; undefined until the console has sent it. */
export const messages = signal<MessagesState | undefined>(undefined);

/** Listens until the returned function is called. */
export function listenToMessages(): () => void {
  return listen("lab/messages/live", {
    onEvent: (_event, data) => void (messages.value = data as MessagesState),
    onState: (problem) => void (streamProblem.value = problem),
  });
}

/** Has the console do something with the story of messages. */
export const messagesCommand: typeof command = (path, body) => command(`messages/${path}`, body);
