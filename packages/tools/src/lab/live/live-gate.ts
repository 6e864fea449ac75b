import { callerNames, type CallerName } from "../caller-name.ts";

/** Where requests wait before they go on their way. */
export interface LiveGate {
  /** Settles when the request may go: at once while the gate is open. */
  pass(caller: CallerName): Promise<void>;
  /** Settles when each caller has sent its first request. */
  readonly reached: Promise<void>;
  /** How many of a caller's requests wait. */
  held(caller: CallerName): number;
  /** Opens it, and lets all go that wait; or shuts it. */
  setOpen(isOpen: boolean): void;
  /** Lets the next request of each caller go: the one that has waited longest, or the next to come. */
  step(): void;
}

interface Lane {
  readonly waiting: (() => void)[];
  readonly reached: Promise<void>;
  readonly reach: () => void;
  isNextFree: boolean;
}

function lane(): Lane {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  return { waiting: [], reached, reach, isNextFree: false };
}

/** A gate that is shut. */
export function liveGate(): LiveGate {
  const lanes: Record<CallerName, Lane> = { careless: lane(), safe: lane() };
  let isOpen = false;
  return {
    reached: Promise.all(callerNames.map((caller) => lanes[caller].reached)).then(() => undefined),
    async pass(caller) {
      const lane = lanes[caller];
      lane.reach();
      if (isOpen) return;
      if (lane.isNextFree) lane.isNextFree = false;
      else await new Promise<void>((resolve) => lane.waiting.push(resolve));
    },
    held: (caller) => lanes[caller].waiting.length,
    setOpen(open) {
      isOpen = open;
      // Shut again, as when another browser takes over: orders that were let go go all the same.
      if (!open) return;
      for (const caller of callerNames) {
        lanes[caller].isNextFree = false;
        for (const go of lanes[caller].waiting.splice(0)) go();
      }
    },
    step() {
      for (const caller of callerNames) {
        const go = lanes[caller].waiting.shift();
        if (go === undefined) lanes[caller].isNextFree = true;
        else go();
      }
    },
  };
}
