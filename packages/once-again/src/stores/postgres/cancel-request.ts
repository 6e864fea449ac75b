import type { PgConnection, PostgresJsConnection } from "./client.ts";

/**
 * Asks the server to cancel the statement that runs on a connection, over another link, as the protocol wants it. Resolves
 * when the server has closed that link: the connection that it named has its signal by then, so no later statement of
 * that connection is cancelled. Rejects when the server can't be reached.
 */
export type CancelRequest = () => Promise<void>;

/** How long the server may take for a cancel request, milliseconds. */
const cancelMsMax = 1000;

/** What we use of a Pool of `pg` beside its interface: the class of its connections. */
interface ClientMaker {
  readonly Client?: new (options: unknown) => PgInternals;
  readonly options?: unknown;
}

/** What we use of a Client of `pg`: what its own `cancel` uses. A Client of `pg-native` has no `connection`. */
interface PgInternals {
  readonly host: string;
  readonly port: number;
  readonly processID?: number | null;
  readonly secretKey?: unknown;
  readonly connection?: {
    readonly ssl: unknown;
    readonly stream: { destroy(): void };
    connect(portOrPath: number | string, host?: string): void;
    requestSsl(): void;
    cancel(processID: number, secretKey: unknown): void;
    on(event: "connect" | "sslconnect" | "error" | "end", listener: (error?: unknown) => void): unknown;
  };
}

/** @returns `undefined` where it can't be asked for: a pool of another make, or a pooler that gave no key for it. */
export function pgCancelRequest(pool: unknown, client: PgConnection): CancelRequest | undefined {
  const { Client, options } = pool as ClientMaker;
  const { processID, secretKey } = client as unknown as PgInternals;
  if (typeof Client !== "function" || !processID || secretKey === undefined || secretKey === null) return undefined;
  return () =>
    new Promise((resolve, reject) => {
      const { connection, host, port } = new Client(options);
      if (connection === undefined) return resolve();
      const timer = setTimeout(() => connection.stream.destroy(), cancelMsMax);
      let isSent = false;
      const send = (): void => {
        connection.cancel(processID, secretKey);
        isSent = true;
      };
      connection.on("connect", () => (connection.ssl ? connection.requestSsl() : send()));
      connection.on("sslconnect", send);
      connection.on("error", () => connection.stream.destroy());
      connection.on("end", () => {
        clearTimeout(timer);
        if (isSent) resolve();
        else reject(new Error("The server took no cancel request."));
      });
      if (host.startsWith("/")) connection.connect(`${host}/.s.PGSQL.${port}`);
      else connection.connect(port, host);
    });
}

/** What we use of a query of `postgres`: what its own `cancel` uses. */
interface PostgresJsInternals {
  readonly state: { readonly pid: number; readonly secret: number } | null;
  readonly canceller: ((query: { state: unknown; active: boolean }) => Promise<void>) | null;
}

/**
 * Remembers the first query of a reserved connection of `postgres`, which knows what to name in a cancel request.
 *
 * @returns `undefined` until a query was sent.
 */
export function postgresJsCancelRequest(connection: PostgresJsConnection): () => CancelRequest | undefined {
  const unsafe = connection.unsafe.bind(connection);
  let first: PostgresJsInternals | undefined;
  connection.unsafe = (...asked) => {
    const query = unsafe(...asked);
    first ??= query as unknown as PostgresJsInternals;
    return query;
  };
  return () => {
    const { state, canceller } = first ?? { state: null, canceller: null };
    return state && canceller ? () => canceller({ state, active: true }) : undefined;
  };
}
