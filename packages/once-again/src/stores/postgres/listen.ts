import { takeInTime, type TimeLimit } from "../time-limit.ts";
import type { PostgresConnection, PostgresPool } from "./client.ts";

/** The part that we use of a client of `pg` that listens. */
interface ListeningClient {
  query(text: string): Promise<unknown>;
  on(event: "notification", listener: (message: { channel: string }) => void): unknown;
  on(event: "error" | "end", listener: (error?: unknown) => void): unknown;
  removeAllListeners(event: string): unknown;
  release(destroy?: boolean): void;
}

/** The part that we use of the `sql` of `postgres` that listens, on a connection beside its pool. */
interface ListeningSql {
  listen(channel: string, onNotify: () => void): Promise<{ unlisten(): Promise<void> }>;
}

/** Ends the listening. */
type Unlisten = () => Promise<void>;

/**
 * Listens to a channel: with `pg` on a connection of the pool, which is not given back before the end.
 *
 * @param limitTime bounds each wait for the server, the end among them: on a connection that is silent it would last for ever.
 * @param onLost is called once when listening has failed.
 * @returns `undefined` where the pool has one connection, which others need.
 */
export async function listenOn(
  pool: PostgresPool<PostgresConnection>,
  channel: string,
  onNotify: () => void,
  onLost: (error: unknown) => void,
  limitTime: TimeLimit,
): Promise<Unlisten | undefined> {
  if ("unsafe" in pool) {
    const begun = (pool as unknown as ListeningSql).listen(channel, onNotify);
    const listening = await takeInTime(limitTime, begun, (late) => late.unlisten());
    return () => limitTime(listening.unlisten());
  }
  if ((pool.options?.max ?? 2) < 2) return undefined;
  const lending = pool.connect() as unknown as Promise<ListeningClient>;
  const client = await takeInTime(limitTime, lending, (late) => late.release());
  let isOver = false;
  const end = (): void => {
    isOver = true;
    client.removeAllListeners("notification");
    // A broken connection may emit more than one error, and an error without a listener ends the process.
    client.release(true);
  };
  const lose = (error: unknown): void => {
    if (isOver) return;
    end();
    onLost(error);
  };
  client.on("error", lose);
  client.on("end", () => lose(new Error("The connection ended.")));
  client.on("notification", (message) => {
    if (message.channel === channel) onNotify();
  });
  try {
    await limitTime(client.query(`LISTEN ${channel}`));
  } catch (error) {
    if (!isOver) end();
    throw error;
  }
  return async () => {
    if (!isOver) end();
  };
}
