/** Where claims are among the ordering keys, which they go through in their order, round and round. */
export interface KeyRound {
  /** The key after which the next claim goes on; empty: at the first. */
  readonly lastKey: string;
  /**
   * Notes how far a claim came, empty when it met the last key.
   *
   * @returns whether the round has keys that nobody has looked at since one was claimed.
   */
  goOn(lastKey: string, hasClaimed: boolean): boolean;
}

export function keyRound(): KeyRound {
  let lastKey = "";
  /** How often the end was met since a key was claimed. */
  let ends = 0;
  return {
    get lastKey() {
      return lastKey;
    },
    goOn(key, hasClaimed) {
      const hasBegunAtFirst = lastKey === "";
      lastKey = key;
      if (hasClaimed) ends = 0;
      if (key !== "") return true;
      ends += 1;
      const isOver = hasBegunAtFirst || ends === 2;
      if (isOver) ends = 0;
      return !isOver;
    },
  };
}
