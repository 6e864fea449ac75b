/**
 * The shape of undici's dispatchers and handlers, as far as the interceptor uses them (undici 7 and 8). The types are
 * structural, so that the library does not depend on undici. Methods, not functions: undici's own types fit.
 */
export interface Dispatcher {
  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean;
}

/** Sends one request. */
export type Dispatch = Dispatcher["dispatch"];

/** One request. What is not named here is handed on as it is. */
export interface DispatchOptions {
  readonly origin?: string | URL;
  readonly path: string;
  readonly method: string;
  readonly body?: unknown;
  readonly headers?: unknown;
  readonly upgrade?: boolean | string | null;
}

/** The handler that undici calls about one request. */
export interface DispatchHandler {
  onRequestStart?(controller: DispatchController, context: unknown): void;
  onRequestUpgrade?(controller: DispatchController, status: number, headers: ResponseHeaders, socket: unknown): void;
  onResponseStart?(controller: DispatchController, status: number, headers: ResponseHeaders, message?: string): void;
  onResponseData?(controller: DispatchController, chunk: Uint8Array): void;
  onResponseEnd?(controller: DispatchController, trailers: ResponseHeaders): void;
  /** Without a controller when nothing was sent. */
  onResponseError?(controller: DispatchController | null, error: Error): void;
}

/** Steers one request: `abort` ends it, `pause` and `resume` hold its answer's bytes back. */
export interface DispatchController {
  readonly aborted: boolean;
  readonly paused: boolean;
  readonly reason: Error | null;
  rawHeaders?: unknown;
  rawTrailers?: unknown;
  abort(reason: Error): void;
  pause(): void;
  resume(): void;
}

/** Headers by their lower-case name. */
export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;
