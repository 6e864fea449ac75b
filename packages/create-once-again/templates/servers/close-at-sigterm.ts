import type { Server } from "node:http";

interface Closable {
  close(): Promise<void>;
}

/**
 * A deployment ends this process by SIGTERM. Charges that run end and are stored, and a new one gets 503, for another process;
 * then the process ends.
 */
export function closeAtSigterm(server: Server, once: Closable): void {
  process.once("SIGTERM", () => void close(server, once));
}

async function close(server: Server, once: Closable): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // Also those that no connection waits for any more, since their callers have left.
  await once.close();
  // Connections that callers leave open would hold the server open, and so would one that has brought no request yet.
  setInterval(() => server.closeIdleConnections(), 100);
  setTimeout(() => server.closeAllConnections(), 5000);
  await closed;
  process.exit();
}
