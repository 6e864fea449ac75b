import { createHash } from "node:crypto";
import type { RecordName } from "../store.ts";
import { unavailableError } from "./errors.ts";
import type { OpenSession } from "./session.ts";

/** The name of a key's lock: at most 64 characters, so a hash. */
export function lockName(tablePrefix: string, { scope, key }: RecordName): string {
  return createHash("sha256")
    .update(JSON.stringify([tablePrefix, scope, key]))
    .digest("hex");
}

/**
 * Sessions that hold a named lock (GET_LOCK) until they are given back. It is the connection's, not a transaction's, so
 * a connection that can't let it go is closed.
 *
 * @returns a function that throws `ONCE_STORE_UNAVAILABLE` when another held the lock for `waitMsMax` milliseconds.
 */
export function withLock<Connection>(
  open: OpenSession<Connection>,
  lock: string,
  waitMsMax: number,
): OpenSession<Connection> {
  const unlock = `DO RELEASE_LOCK('${lock}')`;
  return async () => {
    const session = await open(unlock);
    const asked = session.query(`SELECT GET_LOCK('${lock}', ${waitMsMax / 1000}) AS free`);
    const [answer] = (await asked.catch((error: unknown) => {
      session.destroy();
      throw error;
    })) as { free: unknown }[];
    if (answer?.free === 1) return session;
    session.giveBack();
    throw unavailableError("another has the key's lock");
  };
}
