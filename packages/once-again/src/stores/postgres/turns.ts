import type { PooledConnection, TakeConnection } from "./pooled-connection.ts";

/** Lets a number of users of connections in at a time. Others wait their turn, in the order in which they came. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves when there is a place. It is the caller's until `leave()`. */
  async enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}

/** Takes a connection in its turn, or throws when its turn has come and it is no longer wanted. */
export type TakeInTurn<Connection> = (isWanted: () => boolean) => Promise<PooledConnection<Connection>>;

/** Takes a connection of a pool when there is a place, which is left when the connection goes back to the pool or is closed. */
export function takeInTurn<Connection>(take: TakeConnection<Connection>, turns: Turns): TakeInTurn<Connection> {
  return async (isWanted) => {
    await turns.enter();
    try {
      // Taken for nothing, it would be taken from another operation.
      if (!isWanted()) throw new Error("The operation was given up.");
      const pooled = await take();
      let isReturned = false;
      const returned = (giveBack: () => void): void => {
        if (isReturned) return;
        isReturned = true;
        giveBack();
        turns.leave();
      };
      return { ...pooled, release: () => returned(pooled.release), destroy: () => returned(pooled.destroy) };
    } catch (error) {
      turns.leave();
      throw error;
    }
  };
}
