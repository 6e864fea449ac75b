import { setImmediate } from "node:timers/promises";
import type { RequestHandler } from "express";
import type { LeasedHttpOptions, TransactionalHttpOptions } from "../../packages/once-again/src/http/index.ts";
import { answer } from "./exchange.ts";

/** The work of a handler, and its response. */
export type Work<Transaction = undefined> = (transaction: Transaction) => Promise<string>;

/** A request as a guard of one's own sees it, behind the framework's parser. */
export interface ParsedRequest {
  readonly key: string;
  readonly headers: Record<string, unknown>;
  readonly body: Record<string, unknown>;
}

/** Runs the work once for each key, and answers with what it answered. */
export type Guarded<Transaction = undefined> = (request: ParsedRequest, work: Work<Transaction>) => Promise<string>;

/** The guard between a framework and the work. */
export type Setup =
  /** Called by the handler; gives the work whatever transaction it asks for. */
  | { readonly kind: "function"; readonly guarded: Guarded<unknown>; readonly work: Work<never> }
  | { readonly kind: "leased"; readonly options: LeasedHttpOptions<unknown>; readonly work: Work }
  | {
      readonly kind: "transactional";
      readonly options: TransactionalHttpOptions<unknown, unknown>;
      readonly work: Work<never>;
    }
  /** Express only: `isHit` says that the request was answered without the handler. */
  | {
      readonly kind: "middleware";
      readonly middleware: RequestHandler;
      readonly isHit: (request: Parameters<RequestHandler>[0]) => boolean;
      readonly work: Work;
    };

/** Makes a setup, on the server or file of its store. */
export type MakeSetup = (store: string) => Promise<Setup>;

/**
 * The work without a database: it awaits once, as every handler does. Without that, both frameworks answer
 * within the turn in which the request came, which no guard that asks a store can, and which makes some look faster
 * than none.
 */
export const plainWork: Work = async () => {
  await setImmediate();
  return answer;
};

/** No guard at all: the work is done as often as it is asked for. */
export const unguarded: Guarded = (_request, work) => work(undefined);
