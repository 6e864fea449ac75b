import process from "node:process";
import { onOrder } from "./worker-orders.ts";

/**
 * Requests to read the configuration again: SIGHUP, and orders of the first process of several. reload-config.ts reads it. This
 * file loads nothing else, so that no request is lost while the gateway loads.
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
