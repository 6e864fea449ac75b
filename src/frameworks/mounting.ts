import { OnceAgainError } from "../core/errors.ts";

/** A request on its way through one of our middlewares. */
export interface Passage {
  /** Whether it came to a second one on its way. */
  isNested: boolean;
}

const passages = new WeakMap<object, Passage>();

/**
 * Notes that a request is on its way through one of our middlewares.
 *
 * @param context the framework's own object for it, which stays when the request is replaced.
 * @returns `undefined` when it is already: then the first one is told, and the second must claim nothing.
 */
export function beginPassage(request: object, context: object = request): Passage | undefined {
  const outer = passages.get(context) ?? passages.get(request);
  if (outer !== undefined) {
    outer.isNested = true;
    return undefined;
  }
  const passage = { isNested: false };
  passages.set(context, passage);
  if (context !== request) passages.set(request, passage);
  return passage;
}

/** The same request, in a copy that is handed on. */
export function continuePassage(copy: object, passage: Passage): void {
  passages.set(copy, passage);
}

/** The request has its answer. It may come again, as in a test that sends it twice. */
export function endPassage(request: object, context: object = request): void {
  passages.delete(request);
  passages.delete(context);
}

/** In the place of reading the body of a request that is on its way through another middleware of ours. */
export function refuseSecond(): Promise<never> {
  return Promise.reject(mountedTwice());
}

/** @throws OnceAgainError `ONCE_MOUNTED_TWICE` when the request came to a second middleware, whatever became of it there. */
export function refuseNested(passage: Passage | undefined): void {
  if (passage?.isNested) throw mountedTwice();
}

function mountedTwice(): OnceAgainError {
  return new OnceAgainError(
    "ONCE_MOUNTED_TWICE",
    "This request passes once-again twice. Mount it in one place: on the route, or in front of all routes.",
  );
}
