import { setTimeout } from "node:timers/promises";

/**
 * Waits for a part of a test, but not for ever: a test that is ended from outside does not say where it hung.
 *
 * @param part its name, as the beginning of a sentence.
 * @param msMax milliseconds, also on a busy machine.
 * @throws Error with the name when it takes longer.
 */
export function inTime<Value>(part: string, msMax: number, awaited: Promise<Value>): Promise<Value> {
  const isOver = setTimeout(msMax, undefined, { ref: false }).then(() => {
    throw new Error(`${part} did not end within ${msMax} ms.`);
  });
  return Promise.race([awaited, isOver]);
}
