/** The machine's clock of a process, which can be moved while it runs: whatever asks `Date` is wrong by as much. */

const TrueDate = Date;

/** The right time, milliseconds since the epoch, wherever this process' clock has been moved to. */
export const trueTime = (): number => TrueDate.now();

let offsetMs = 0;
let isMovable = false;

/** @param byMs how far it is off from now on, milliseconds; 0: it is right again. */
export function moveClock(byMs: number): void {
  offsetMs = byMs;
  if (isMovable) return;
  isMovable = true;
  const now = (): number => TrueDate.now() + offsetMs;
  globalThis.Date = new Proxy(TrueDate, {
    construct: (target, values, called) => Reflect.construct(target, values.length === 0 ? [now()] : values, called),
    apply: () => new TrueDate(now()).toString(),
    get: (target, name, receiver) => (name === "now" ? now : Reflect.get(target, name, receiver)),
  });
}
