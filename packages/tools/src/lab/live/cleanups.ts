/** Takes something away. */
export type Cleanup = () => PromiseLike<void>;

/** Takes all away, the last first. */
export async function cleanUp(cleanups: readonly Cleanup[]): Promise<void> {
  for (const clean of cleanups.toReversed()) await clean();
}
