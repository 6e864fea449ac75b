/**
 * Where the claims of one relay are among the ordering keys, or among the messages without one. Each claim continues where the
 * one before ended, so that what can't be claimed, or fails each time, keeps nothing else waiting.
 */
export interface ClaimRound {
  /** The key or the position after which the next claim continues; empty: it begins at the first. */
  readonly last: string;
  /**
   * Notes how far a claim came; empty when it reached the end.
   *
   * @returns true while the round has a part that no claim has looked at since something was claimed.
   */
  goOn(last: string, hasClaimed: boolean): boolean;
}

/**
 * @param anewEvery every how many claims one begins at the first, out of turn: where new messages come faster than they are
 *   claimed, a round has no end, and what was given back would wait for it. Default never.
 */
export function claimRound(anewEvery = Number.POSITIVE_INFINITY): ClaimRound {
  let last = "";
  let claims = 0;
  /** How often the end was reached since something was claimed. */
  let ends = 0;
  const isOutOfTurn = (): boolean => last !== "" && claims % anewEvery === anewEvery - 1;
  return {
    get last() {
      return isOutOfTurn() ? "" : last;
    },
    goOn(reached, hasClaimed) {
      const wasOutOfTurn = isOutOfTurn();
      claims += 1;
      if (hasClaimed) ends = 0;
      if (wasOutOfTurn) return true;
      const hasBegunAtFirst = last === "";
      last = reached;
      if (reached !== "") return true;
      ends += 1;
      const isOver = hasBegunAtFirst || ends === 2;
      if (isOver) ends = 0;
      return !isOver;
    },
  };
}
