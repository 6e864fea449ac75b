import type { PrivateServer } from "./private-server.ts";

/** Servers that start together. When one does not start, the others are removed again, and its error is thrown. */
export async function startTogether(starting: readonly Promise<PrivateServer>[]): Promise<PrivateServer[]> {
  const settled = await Promise.allSettled(starting);
  const started = settled.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const failed = settled.find((start) => start.status === "rejected");
  if (failed === undefined) return started;
  await removed(started);
  throw failed.reason;
}

/** Removes servers. */
export async function removed(servers: readonly PrivateServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
}
