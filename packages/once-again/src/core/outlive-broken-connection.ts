/** Clients that have our listener. */
const watchedClients = new WeakSet<object>();

/**
 * Listens to the `error` events of a client that was handed to us: a client of Node's that breaks with its server emits one,
 * and ends the process when there is no listener. The client connects again by itself, or its calls fail; so there is nothing
 * else to do. A client without events is left alone, and each one gets one listener.
 */
export function outliveBrokenConnection(client: object, onError: (error: unknown) => void = () => undefined): void {
  if (watchedClients.has(client) || !("on" in client) || typeof client.on !== "function") return;
  watchedClients.add(client);
  client.on("error", onError);
}
