import { AsyncResource } from "node:async_hooks";
import { NoEffectError } from "once-again/engine";
import { Shares } from "./shares.ts";

/** A request that needs a place at a service. */
export interface PlaceRequest {
  /** The account or the address that the place is counted for: see shares.ts. */
  readonly owner: string;
  /** Whether it is an operation with a key: some places are for these alone. */
  readonly isKeyed: boolean;
  /** The places of its route, where that has a bound. */
  readonly route?: RoutePlaces | undefined;
}

/** The places that the requests of one route have together. */
export interface RoutePlaces {
  readonly path: string;
  readonly max: number;
  used: number;
}

/** How full a service is. */
export interface PlaceCounts {
  readonly max: number;
  /** Free for an operation with a key. */
  readonly free: number;
  readonly passThroughFree: number;
  readonly waiting: number;
}

/** The bounds of places. */
export interface PlaceLimits {
  /** How many requests may be under way at the service. */
  readonly max: number;
  /** How long a request waits for a place, milliseconds. */
  readonly waitMs: number;
  /** How many requests may wait. */
  readonly waitingMax: number;
}

/** A request that waits for its place. */
interface Waiter {
  readonly request: PlaceRequest;
  readonly onPlace: () => void;
  readonly timer: NodeJS.Timeout;
  readonly onRefusal: (error: NoPlaceError) => void;
}

/** There is no place for a request. It was not sent, so nothing happened. */
export class NoPlaceError extends NoEffectError {}

const noPlaceError = (): NoPlaceError =>
  new NoPlaceError("The service behind this gateway has too much to do. Nothing was sent to it: try again later.");

/** Nothing is waited for. */
const nothing = (): boolean => false;

/**
 * The places at a service: as many requests may be under way there. Each account, and each address without one, has a
 * share of them; operations with keys have a quarter that others can't take. The longest-waiting owner is next, with its own
 * longest-waiting request, so that an owner of many requests does not hold up one with a single request.
 */
export class Places {
  readonly #waitMs: number;
  readonly #shares: Shares;
  readonly #waiting: Shares;
  readonly #passThroughMax: number;
  #passThroughUsed = 0;
  /** In the order in which they are next. */
  readonly #lines = new Map<string, Set<Waiter>>();

  constructor({ max, waitMs, waitingMax }: PlaceLimits) {
    this.#waitMs = waitMs;
    this.#shares = new Shares(max);
    this.#waiting = new Shares(waitingMax);
    this.#passThroughMax = max === 1 ? 1 : max - Math.max(1, Math.floor(max / 4));
  }

  get counts(): PlaceCounts {
    const [free, passThroughFree] = [this.#freeFor(true), this.#freeFor(false)];
    return { max: this.#shares.max, free, passThroughFree, waiting: this.#waiting.max - this.#waiting.free };
  }

  /**
   * Takes a place, at once or when one is free.
   *
   * @param onPlace is called with the place, which `leave` gives back.
   * @param onRefusal is called instead, with a `NoPlaceError`, when too many wait, or the wait is over.
   * @returns a function that gives up waiting, so that neither is called; it says `false` where one of them was.
   */
  take(request: PlaceRequest, onPlace: () => void, onRefusal: (error: NoPlaceError) => void): () => boolean {
    if (this.#takeNow(request)) {
      onPlace();
      return nothing;
    }
    if (!this.#waiting.take(request.owner)) {
      onRefusal(noPlaceError());
      return nothing;
    }
    const timer = setTimeout(() => {
      if (this.#remove(waiter)) onRefusal(noPlaceError());
    }, this.#waitMs);
    // The end of another request calls it, and it goes on in its own trace.
    const waiter: Waiter = { request, onPlace: AsyncResource.bind(onPlace), onRefusal, timer };
    const name = lineName(request);
    const line = this.#lines.get(name);
    if (line === undefined) this.#lines.set(name, new Set([waiter]));
    else line.add(waiter);
    return () => this.#remove(waiter);
  }

  /** Gives a place back. @param request the one that it was taken with. */
  leave({ owner, isKeyed, route }: PlaceRequest): void {
    this.#shares.giveBack(owner);
    if (!isKeyed) this.#passThroughUsed -= 1;
    if (route !== undefined) route.used -= 1;
    if (this.#lines.size > 0) this.#callWaiters();
  }

  /** Refuses all that wait. */
  close(): void {
    for (const line of [...this.#lines.values()]) {
      for (const waiter of [...line]) if (this.#remove(waiter)) waiter.onRefusal(noPlaceError());
    }
  }

  #freeFor(isKeyed: boolean): number {
    const { free } = this.#shares;
    return isKeyed ? free : Math.min(free, this.#passThroughMax - this.#passThroughUsed);
  }

  #takeNow(request: PlaceRequest): boolean {
    const { owner, isKeyed, route } = request;
    if (route !== undefined && route.used >= route.max) return false;
    if (!this.#shares.allows(owner, 1, this.#freeFor(isKeyed))) return false;
    this.#shares.take(owner);
    if (!isKeyed) this.#passThroughUsed += 1;
    if (route !== undefined) route.used += 1;
    return true;
  }

  #callWaiters(): void {
    for (const [name, line] of this.#lines) {
      const [waiter] = line;
      if (waiter === undefined || !this.#takeNow(waiter.request)) continue;
      this.#remove(waiter);
      if (line.size > 0) {
        // Its next request is behind those of the others.
        this.#lines.delete(name);
        this.#lines.set(name, line);
      }
      waiter.onPlace();
      if (this.#shares.free === 0) return;
    }
  }

  #remove(waiter: Waiter): boolean {
    const name = lineName(waiter.request);
    const line = this.#lines.get(name);
    if (!line?.delete(waiter)) return false;
    if (line.size === 0) this.#lines.delete(name);
    clearTimeout(waiter.timer);
    this.#waiting.giveBack(waiter.request.owner);
    return true;
  }
}

/** Requests of a route that is full hold up no others of their owner. */
const lineName = ({ owner, route }: PlaceRequest): string => (route === undefined ? owner : `${owner} ${route.path}`);
