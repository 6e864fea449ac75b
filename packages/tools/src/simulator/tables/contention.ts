import { checkNumber } from "once-again/internal";
import { type Backoff, seededRandom } from "once-again";
import { drawMessageMs } from "../distributions.ts";
import { EventQueue } from "../events/event-queue.ts";

/** Clients who update the same row. */
export interface ContentionOptions {
  /** How many: a whole number from 1 to 100,000. */
  readonly clients: number;
  /** How long a client that was refused waits before it reads again. */
  readonly backoff: Backoff;
  /** The same seed gives the same result: any number or text, default 1. */
  readonly seed?: number | string;
  /** The mean delay of a message, in milliseconds: 0 to 60,000, default 10. */
  readonly delayMs?: number;
  /** Its standard deviation: 0 to 60,000, default 2. */
  readonly spreadMs?: number;
}

/** The cost of the updates. */
export interface ContentionResult {
  /** Writes that reached the server, those that were refused among them. */
  readonly writes: number;
  /** When the last client was done, in milliseconds. */
  readonly completionMs: number;
}

const [readArrives, , writeArrives, writeAnswered] = [0, 1, 2, 3] as const;

/**
 * Optimistic concurrency: each of `clients` updates one row once. It reads the row's version, and writes; the server
 * takes a write with the row's present version, and counts the version up. A client that is refused waits for its
 * backoff, and reads again. Read and write are two messages each.
 *
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015, and its aws-arch-backoff-simulator.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export function simulateContention(options: ContentionOptions): ContentionResult {
  const clients = checkNumber("clients", options.clients, { min: 1, max: 100_000, integer: true });
  const meanMs = checkNumber("delayMs", options.delayMs ?? 10, { min: 0, max: 60_000 });
  const spreadMs = checkNumber("spreadMs", options.spreadMs ?? 2, { min: 0, max: 60_000 });
  const { backoff } = options;
  const random = seededRandom(options.seed ?? 1);
  const delay = (): number => drawMessageMs(random, meanMs, spreadMs);

  const events = new EventQueue();
  const versions = new Int32Array(clients);
  const isTaken = new Uint8Array(clients);
  const refusals = new Int32Array(clients);
  const delays = new Float64Array(clients);
  let version = 0;
  let writes = 0;

  const arrive = (client: number): void => {
    writes += 1;
    isTaken[client] = Number(versions[client] === version);
    version += isTaken[client];
  };
  /** @returns when its next read arrives. */
  const refuse = (client: number): number => {
    refusals[client]! += 1;
    delays[client] = backoff({ retry: refusals[client]!, previousDelayMs: delays[client]!, random });
    return events.atMs + delays[client] + delay();
  };

  for (let client = 0; client < clients; client += 1) events.add(delay(), readArrives, client);
  while (events.next()) {
    const { atMs, kind, subject } = events;
    if (kind === readArrives) versions[subject] = version;
    if (kind === writeArrives) arrive(subject);
    if (kind < writeAnswered) events.add(atMs + delay(), kind + 1, subject);
    else if (isTaken[subject] === 0) events.add(refuse(subject), readArrives, subject);
  }
  return { writes, completionMs: events.atMs };
}
