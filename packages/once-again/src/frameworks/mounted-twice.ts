import { mountedTwiceError } from "./errors.ts";

/** A request on its way through one of our middlewares. */
export interface Passage {
  /** Whether it came to a second one on its way. */
  isNested: boolean;
}

const passing = Symbol("passage");

/** A request carries it: for a `WeakMap`, each collection of garbage would look at all requests. */
type Passing = object & { [passing]?: Passage | undefined };

/**
 * Notes that a request is on its way through one of our middlewares.
 *
 * @param forms the objects that it goes by: the framework's own, which stays when a request is replaced, and the one of
 *   the platform below.
 * @returns `undefined` when it is already: then the first one is told, and the second must claim nothing.
 */
export function beginPassage(...forms: readonly Passing[]): Passage | undefined {
  const outer = forms.find((form) => form[passing] !== undefined)?.[passing];
  if (outer !== undefined) {
    outer.isNested = true;
    return undefined;
  }
  const passage = { isNested: false };
  for (const form of forms) form[passing] = passage;
  return passage;
}

/** The same request, in a copy that is handed on. */
export function continuePassage(copy: Passing, passage: Passage): void {
  copy[passing] = passage;
}

/** The request has its answer. It may come again, as in a test that sends it twice. */
export function endPassage(...forms: readonly Passing[]): void {
  for (const form of forms) form[passing] = undefined;
}

/**
 * The request of Node's that a web request was made of, in what a listener passes beside it: `{ incoming, outgoing }`. A
 * handler may send requests of its own along with it, under keys of their own.
 */
export function incomingOf(platform: unknown, request: Request, keyHeader: string): Passing[] {
  const { incoming } = (platform ?? {}) as { incoming?: { headers?: Record<string, unknown> } | null };
  const key = request.headers.get(keyHeader);
  return key !== null && incoming?.headers?.[keyHeader.toLowerCase()] === key ? [incoming] : [];
}

/** In the place of reading the body of a request that is on its way through another middleware of ours. */
export function refuseSecondMount(): Promise<never> {
  return Promise.reject(mountedTwiceError());
}

/** @throws OnceAgainError `ONCE_MOUNTED_TWICE` when the request came to a second middleware, whatever became of it there. */
export function refuseNested(passage: Passage | undefined): void {
  if (passage?.isNested) throw mountedTwiceError();
}
