import type { Clock } from "../../core/clock.ts";
import { compareNames } from "../list-records.ts";
import type { RecordName } from "../store.ts";

/** How many requests go together at most, and how many bytes beside their names. A larger one goes alone. */
const requestsMax = 100;
const bytesMax = 2 ** 20;

/**
 * How long a batch keeps the next one waiting, milliseconds. One that takes longer waits for another's lock, or for a
 * server that is far away or fell silent; those that come after it go around it.
 */
const turnMsMax = 20;

/** How a batch is executed. */
export interface BatchOptions<Request, Answer> {
  readonly clock: Clock;
  /**
   * Executes requests in one transaction: all of them, or none. No two are of the same record, and they are in the order
   * of their names, so that batches that lock the same rows wait for each other in a line, and never in a circle.
   */
  readonly execute: (requests: readonly Request[]) => Promise<readonly Answer[]>;
  /** Whether the database itself says that a failed batch had no effect. */
  readonly isRefusal: (error: unknown) => boolean;
  /** The size of what a request has beside its names; default 0. */
  readonly bytesOf?: ((request: Request) => number) | undefined;
  /** The property that all requests of a batch share; default nothing. */
  readonly groupOf?: ((request: Request) => unknown) | undefined;
}

interface Waiting<Request, Answer> {
  readonly request: Request;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers requests while an earlier batch is under way, so that they share a trip and a commit. A request that comes when
 * none is under way goes at once.
 *
 * A batch that the database refused is asked for again, each request for itself: one that is wrong, or waits for another's
 * lock, fails or waits alone. When the outcome of a batch is unknown, as when its connection is lost, each request fails
 * with its error.
 *
 * @returns a function that asks for one request.
 */
export function batchRequests<Request extends RecordName, Answer>(
  options: BatchOptions<Request, Answer>,
): (request: Request) => Promise<Answer> {
  type Item = Waiting<Request, Answer>;
  const { clock, isRefusal, bytesOf = () => 0, groupOf = () => undefined } = options;
  let queue: Item[] = [];
  /** The batch that the next one waits for. */
  let underWay: readonly Item[] | undefined;

  const execute = async (batch: readonly Item[]): Promise<void> => {
    try {
      const answers = await options.execute(batch.map(({ request }) => request));
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index]!);
    } catch (error) {
      if (batch.length > 1 && isRefusal(error)) for (const item of batch) void execute([item]);
      else for (const { reject } of batch) reject(error);
    }
  };

  const next = (): void => {
    if (underWay !== undefined || queue.length === 0) return;
    const { batch, rest } = takeBatch(queue, bytesOf, groupOf);
    queue = rest;
    underWay = batch;
    const goOn = (): void => {
      if (underWay !== batch) return;
      underWay = undefined;
      next();
    };
    const cancel = clock.timer(turnMsMax, goOn);
    void execute(batch).then(() => {
      cancel();
      goOn();
    });
  };

  return (request) =>
    new Promise((resolve, reject) => {
      queue.push({ request, resolve, reject });
      next();
    });
}

/** The next batch, in the order of names, and what stays in the queue. Of the requests of one record the first one goes. */
function takeBatch<Request extends RecordName, Answer>(
  queue: readonly Waiting<Request, Answer>[],
  bytesOf: (request: Request) => number,
  groupOf: (request: Request) => unknown,
): { batch: Waiting<Request, Answer>[]; rest: Waiting<Request, Answer>[] } {
  const batch: Waiting<Request, Answer>[] = [];
  const rest: Waiting<Request, Answer>[] = [];
  const names = new Set<string>();
  let bytes = 0;
  for (const item of queue) {
    const { request } = item;
    const name = JSON.stringify([request.scope, request.key]);
    const isSmall = batch.length < requestsMax && bytes + bytesOf(request) <= bytesMax;
    const fits = batch[0] === undefined || (isSmall && groupOf(request) === groupOf(batch[0].request));
    const isFirst = !names.has(name);
    // Also of one that stays, so that it is not overtaken.
    names.add(name);
    if (!fits || !isFirst) {
      rest.push(item);
      continue;
    }
    bytes += bytesOf(request);
    batch.push(item);
  }
  batch.sort((one, other) => compareNames(one.request, other.request));
  return { batch, rest };
}
