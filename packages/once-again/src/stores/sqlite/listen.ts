import type { DatabaseSync } from "node:sqlite";
import type { Clock } from "../../core/clock.ts";

/** How often it is asked whether others have committed, milliseconds. It reads one number in shared memory. */
const askMs = 20;

/**
 * Detects commits to the file by other connections, of any process, whatever they wrote.
 *
 * @param onLost is called once when listening has failed.
 * @returns what ends it.
 */
export function listenOn(
  database: DatabaseSync,
  clock: Clock,
  onCommit: () => void,
  onLost: (error: unknown) => void,
): () => Promise<void> {
  const statement = database.prepare("PRAGMA data_version");
  const version = (): unknown => statement.get()?.["data_version"];
  let last = version();
  let cancel = (): void => undefined;
  const ask = (): void => {
    try {
      const current = version();
      if (current !== last) onCommit();
      last = current;
    } catch (error) {
      return onLost(error);
    }
    cancel = clock.timer(askMs, ask);
  };
  cancel = clock.timer(askMs, ask);
  return async () => cancel();
}
