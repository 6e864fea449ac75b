import type { ServerResponse } from "node:http";

type Listener = (...args: unknown[]) => void;

/**
 * The listeners to the end of a response that Node's server and middleware in front have registered. They are set aside
 * while the handler runs, which sees the response end when it wrote it: these see it when it went out.
 */
export class ListenersInFront {
  readonly #response: ServerResponse;
  #finish: Listener[] = [];
  #close: Listener[] = [];

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  setAside(): void {
    const response = this.#response;
    this.#finish = response.rawListeners("finish") as Listener[];
    this.#close = response.rawListeners("close") as Listener[];
    response.removeAllListeners("finish");
    if (this.#close.length > 0) response.removeAllListeners("close");
  }

  returnFinish(): void {
    for (const listener of this.#finish.splice(0)) this.#response.on("finish", listener);
  }

  returnClose(): void {
    for (const listener of this.#close.splice(0)) this.#response.on("close", listener);
  }

  /** Calls them, for a response that went out in the place of this one. */
  callFinish(): void {
    for (const listener of this.#finish.splice(0)) listener.call(this.#response);
  }

  readonly callClose = (): void => {
    for (const listener of this.#close.splice(0)) listener.call(this.#response);
  };
}
