import { mountedTwiceError } from "./errors.ts";

/** Marks a request that passes one of our middlewares. */
export interface MountMark {
  /** Whether the request came to a second one before its response. */
  isNested: boolean;
}

const mountMark = Symbol("mount mark");

/** The mark is a property of the request, since each garbage collection would visit every entry of a `WeakMap`. */
type MarkedRequest = object & { [mountMark]?: MountMark | undefined };

/**
 * Marks a request as passing one of our middlewares.
 *
 * @param forms the objects that stand for the request: the framework's own, which stays when a request is replaced, and the
 *   platform's below it.
 * @returns `undefined` when it was marked before: that mark is then nested, and the second middleware must claim nothing.
 */
export function markMount(...forms: readonly MarkedRequest[]): MountMark | undefined {
  const outer = forms.find((form) => form[mountMark] !== undefined)?.[mountMark];
  if (outer !== undefined) {
    outer.isNested = true;
    return undefined;
  }
  const mark = { isNested: false };
  for (const form of forms) form[mountMark] = mark;
  return mark;
}

/** Marks a copy of the request that is handed on. */
export function copyMountMark(copy: MarkedRequest, mark: MountMark): void {
  copy[mountMark] = mark;
}

/** Clears the mark when the request has its response. The same object may come again, as in a test that sends it twice. */
export function clearMountMark(...forms: readonly MarkedRequest[]): void {
  for (const form of forms) form[mountMark] = undefined;
}

/**
 * The Node request behind a web request, which a listener passes beside it as `{ incoming, outgoing }`. It is the same request
 * only where both have the same key: a handler may pass it along with other requests.
 */
export function incomingOf(platform: unknown, request: Request, keyHeader: string): MarkedRequest[] {
  const { incoming } = (platform ?? {}) as { incoming?: { headers?: Record<string, unknown> } | null };
  const key = request.headers.get(keyHeader);
  return key !== null && incoming?.headers?.[keyHeader.toLowerCase()] === key ? [incoming] : [];
}

/** Reads no body: refuses a request that passes another of our middlewares. */
export function refuseSecondMount(): Promise<never> {
  return Promise.reject(mountedTwiceError());
}

/** @throws OnceAgainError `ONCE_MOUNTED_TWICE` when the request came to a second middleware, even if that one failed. */
export function refuseNested(mark: MountMark | undefined): void {
  if (mark?.isNested) throw mountedTwiceError();
}
