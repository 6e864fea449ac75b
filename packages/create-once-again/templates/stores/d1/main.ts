import { store } from "./store.ts";
import worker from "./worker.ts";

export default {
  ...worker,
  /** Removes expired keys: no Worker lives long enough to do it in passing. */
  async scheduled(): Promise<void> {
    await store.purge({ limit: 1000 });
  },
};
