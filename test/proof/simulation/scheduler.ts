import { setImmediate } from "node:timers/promises";

/** Virtual time: the next event comes at once, whenever it is due. */
export interface Scheduler {
  /** Milliseconds since the simulation began. */
  readonly now: number;
  /** Runs `event` after `delayMs` of virtual time; answers a function that cancels it. */
  after(delayMs: number, event: () => void): () => void;
  /** Runs events until none is left or `untilMs` is reached; between any two, every promise settles that can. */
  run(untilMs: number): Promise<void>;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  isCancelled: boolean;
  readonly run: () => void;
}

/** Events of equal times run in the order in which they were set. */
export function scheduler(): Scheduler {
  let now = 0;
  let order = 0;
  const heap: Event[] = [];

  return {
    get now() {
      return now;
    },
    after(delayMs, run) {
      const event: Event = { atMs: now + Math.max(0, delayMs), order: (order += 1), isCancelled: false, run };
      push(heap, event);
      return () => void (event.isCancelled = true);
    },
    async run(untilMs) {
      // The event loop reaches an immediate only when no microtask is left.
      await setImmediate();
      for (let event = heap[0]; event !== undefined && event.atMs <= untilMs; event = heap[0]) {
        pop(heap);
        if (event.isCancelled) continue;
        now = event.atMs;
        event.run();
        await setImmediate();
      }
    },
  };
}

const isBefore = (one: Event, other: Event): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(heap[at]!, heap[parent]!)) return;
    [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
    at = parent;
  }
}

function pop(heap: Event[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  heap[0] = last;
  for (let at = 0; ;) {
    const left = 2 * at + 1;
    let least = at;
    for (const child of [left, left + 1]) {
      if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
    }
    if (least === at) return;
    [heap[at], heap[least]] = [heap[least]!, heap[at]!];
    at = least;
  }
}
