/** The signals that axios takes: the platform's, or one of another class that reports its abort in the same way. */
interface ForeignSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener?(type: "abort", listener: () => void): void;
}

/** A signal of the platform that aborts with others, and what stops it from following them. */
interface FollowedSignal {
  /** `undefined` when there is nothing to follow. */
  readonly signal: AbortSignal | undefined;
  readonly unfollow: () => void;
}

/**
 * One signal of the platform for those that a caller gave, whatever class they are of.
 *
 * @throws TypeError for what is no signal, before anything is sent.
 */
export function followSignals(...given: readonly unknown[]): FollowedSignal {
  const signals = given.filter((one) => one !== undefined && one !== null);
  const [first] = signals;
  if (first === undefined) return { signal: undefined, unfollow: () => undefined };
  if (signals.length === 1 && first instanceof AbortSignal) return { signal: first, unfollow: () => undefined };
  const followed = signals.map((one) => (one instanceof AbortSignal ? { signal: one, unfollow: none } : follow(one)));
  return {
    signal: AbortSignal.any(followed.map(({ signal }) => signal)),
    unfollow: () => followed.forEach(({ unfollow }) => unfollow()),
  };
}

const none = (): void => undefined;

function follow(given: unknown): { readonly signal: AbortSignal; readonly unfollow: () => void } {
  if (!isForeignSignal(given)) {
    throw new TypeError("The option signal is no AbortSignal: it has no aborted and no addEventListener.");
  }
  const controller = new AbortController();
  const abort = (): void => controller.abort(given.reason);
  if (given.aborted) abort();
  else given.addEventListener("abort", abort);
  return { signal: controller.signal, unfollow: () => given.removeEventListener?.("abort", abort) };
}

function isForeignSignal(given: unknown): given is ForeignSignal {
  if (typeof given !== "object" || given === null) return false;
  return "aborted" in given && "addEventListener" in given && typeof given.addEventListener === "function";
}
