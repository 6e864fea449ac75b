import type { Clock } from "./clock.ts";

/** A pause that `wake` ends early, also a `wake` that came before it. */
export interface WakeablePause {
  wait(ms: number): Promise<void>;
  wake(): void;
}

export function wakeablePause(clock: Clock): WakeablePause {
  let isWoken = false;
  let end = (): void => undefined;
  return {
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
      isWoken = true;
      end();
    },
  };
}
