import process from "node:process";
import { onOrder } from "./worker-orders.ts";

/**
 * Requests to read the configuration again, which reload-config.ts does: SIGHUP, and orders of the first process of several. This file
 * imports nothing of the gateway's server, so that it listens before that has loaded.
 */
export interface ReloadRequests extends Disposable {
  /** Has each answered from now on, and at once one that came before. */
  answerBy(reload: () => void): void;
}

/**
 * Collects requests to reload from now on. One that comes while the process starts or ends neither kills the process nor gets
 * lost.
 */
export function reloadRequests(): ReloadRequests {
  let isAsked = false;
  let answer = (): void => void (isAsked = true);
  const onRequest = (): void => answer();
  process.on("SIGHUP", onRequest);
  const endOrders = onOrder("reload", onRequest);
  return {
    answerBy(reload) {
      answer = reload;
      if (isAsked) reload();
      isAsked = false;
    },
    [Symbol.dispose]() {
      process.off("SIGHUP", onRequest);
      endOrders();
    },
  };
}
