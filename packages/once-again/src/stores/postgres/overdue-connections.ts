import { type Clock, sleep } from "../../core/clock.ts";
import type { PostgresConnection, PostgresPool } from "./client.ts";
import type { GiveUp, OverdueConnection, TakeConnection } from "./connection.ts";
import { standbyQuestion } from "./standby-question.ts";

/** How long a connection is waited for after its statement was cancelled, milliseconds. */
const answerMsMax = 1000;

/** How long a statement of the user's in front of ours is waited for before it is looked at again, milliseconds. */
const turnMsMax = 50;

/** How often a statement is cancelled: the handler of a transaction may have sent another one behind it. */
const cancelsMax = 2;

/** How long a commit that waits for a standby is left alone before the question is asked again, milliseconds. */
const pauseMs = 1000;

/** How often in a row the server may leave the question unanswered: by then it is gone, or its network is. */
const unansweredMax = 10;

/**
 * Ends what overdue connections do in the server, so that a pool never has more of them there than it may: a server that
 * waits for a lock does not notice that its client has gone. The statement is cancelled, and the connection goes back to
 * the pool when it has answered. One that does not answer even then is a link that fell silent, and is closed: the pool
 * makes a new one.
 *
 * A commit that waits for a synchronous standby must not be cancelled: PostgreSQL then shows it to everybody, though no
 * standby has it. Such a connection stays taken until the standby has answered. Where the server can't even be asked, its
 * connection is closed, which shows nothing: the pool of a process that ends would wait for it without end.
 */
export function overdueConnections<Connection extends PostgresConnection>(
  pool: PostgresPool<Connection>,
  take: TakeConnection<Connection>,
  clock: Clock,
): GiveUp {
  const giveUp: GiveUp = (overdue) => {
    overdue.pooled.hold();
    void end(overdue);
  };
  const isStandbyAwaited = standbyQuestion(pool, take, clock, giveUp);

  /** Waits for a commit's answer, as long as a standby may be awaited. @returns whether the server could be asked. */
  const leaveAlone = async (state: { hasAnswered: boolean }, within: (msMax: number) => unknown): Promise<boolean> => {
    let unanswered = 0;
    while (!state.hasAnswered && unanswered < unansweredMax) {
      const isAwaited = await isStandbyAwaited();
      if (isAwaited === false) return true;
      unanswered = isAwaited === undefined ? unanswered + 1 : 0;
      await within(pauseMs);
    }
    return state.hasAnswered;
  };

  const end = async ({ pooled, isWhole, mayCommit }: OverdueConnection): Promise<void> => {
    // A cancel request that may still be under way would cancel what the connection is asked next.
    const state = { hasAnswered: false, mayBeCancelled: false };
    void isWhole.then(() => (state.hasAnswered = true));
    const within = (msMax: number): Promise<unknown> => Promise.race([isWhole, sleep(clock, msMax)]);
    while (!state.hasAnswered && !pooled.isOurs()) await within(turnMsMax);
    const cancel = pooled.cancelRequest();
    if (cancel !== undefined) {
      const cancels = !mayCommit || (await leaveAlone(state, within)) ? cancelsMax : 0;
      for (let attempt = 0; !state.hasAnswered && attempt < cancels; attempt += 1) {
        await cancel().catch(() => (state.mayBeCancelled = true));
        await within(answerMsMax);
      }
    }
    if (!state.hasAnswered || state.mayBeCancelled) return pooled.destroy();
    if (await isWhole) pooled.release();
    else pooled.destroy();
  };
  return giveUp;
}
