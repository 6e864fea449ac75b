import type { RelaySettings } from "./relay-options.ts";

/** Listens for new messages, where the database notifies. */
export interface OutboxWatch {
  /** Begins to listen, unless it does; at most once in `pollMs`. */
  renew(): void;
  end(): Promise<void>;
}

/** @param onNews is called when something was added, or may have been. */
export function outboxWatch(
  { outbox, clock, pollMs }: Pick<RelaySettings, "outbox" | "clock" | "pollMs">,
  onNews: () => void,
  onFailure: (error: unknown) => void,
): OutboxWatch {
  let state: "silent" | "listening" | "ended" = "silent";
  let triedAt = -Infinity;
  let unlisten = async (): Promise<void> => undefined;

  const lose = (error: unknown): void => {
    if (state !== "listening") return;
    state = "silent";
    onFailure(error);
    onNews();
  };
  const listen = async (): Promise<void> => {
    const end = await outbox.listen?.(onNews, lose);
    unlisten = async () => end?.();
    // It took its time.
    if (state === "ended") await unlisten();
    // Messages that were added before sent no notification here.
    else onNews();
  };
  return {
    renew() {
      if (state !== "silent" || clock.monotonic() - triedAt < pollMs) return;
      state = "listening";
      triedAt = clock.monotonic();
      listen().catch(lose);
    },
    async end() {
      state = "ended";
      await unlisten().catch(() => undefined);
    },
  };
}
