import type { Clock } from "./clock.ts";

/** A pause that `wake` ends early, also a `wake` that came before it. */
export interface WakeablePause {
  /** Returns how often it was woken. */
  wakes(): number;
  wait(ms: number): Promise<void>;
  wake(): void;
}

export function wakeablePause(clock: Clock): WakeablePause {
  let isWoken = false;
  let wakes = 0;
  let end = (): void => undefined;
  return {
    wakes: () => wakes,
    async wait(ms) {
      if (!isWoken) {
        await new Promise<void>((resolve) => {
          const cancel = clock.timer(ms, resolve);
          end = () => {
            cancel();
            resolve();
          };
        });
      }
      isWoken = false;
    },
    wake() {
      wakes += 1;
      isWoken = true;
      end();
    },
  };
}
