import type { Ending } from "./ending.ts";
import { longer, Slots } from "./slots.ts";

/**
 * The requests that somebody still has to do with, as a table of typed arrays; every method's `request` is a row.
 * Two have to do with it: the call that waits for its answer, and whatever carries it on (the network, a queue, a
 * worker). When neither does any more, its row is free.
 */
export class Requests {
  readonly #slots: Slots;
  call = new Int32Array();
  /** The service that it is sent to: its index. */
  service = new Uint8Array();
  /** Whether its call waits for the answer. */
  isAwaited = new Uint8Array();
  #isCarried = new Uint8Array();
  /** How it was answered, an `Ending`. */
  ending = new Uint8Array();
  /** When it came to the door of its service. */
  arrivedAt = new Float64Array();
  /** The next older request of the same attempt. */
  older = new Int32Array();

  constructor() {
    this.#slots = new Slots((rows) => this.#grow(rows));
  }

  get used(): number {
    return this.#slots.used;
  }

  begin(call: number, service: number, older: number): number {
    const request = this.#slots.take();
    this.call[request] = call;
    this.service[request] = service;
    this.isAwaited[request] = 1;
    this.#isCarried[request] = 1;
    this.older[request] = older;
    return request;
  }

  answer(request: number, ending: Ending): void {
    this.ending[request] = ending;
  }

  /** Its call has the answer, or waits no more. */
  forget(request: number): void {
    this.isAwaited[request] = 0;
    if (this.#isCarried[request] === 0) this.#slots.giveBack(request);
  }

  /** Nothing carries it on: it was lost, or its answer arrived or was lost. */
  drop(request: number): void {
    this.#isCarried[request] = 0;
    if (this.isAwaited[request] === 0) this.#slots.giveBack(request);
  }

  #grow(rows: number): void {
    this.call = longer(this.call, rows);
    this.service = longer(this.service, rows);
    this.isAwaited = longer(this.isAwaited, rows);
    this.#isCarried = longer(this.#isCarried, rows);
    this.ending = longer(this.ending, rows);
    this.arrivedAt = longer(this.arrivedAt, rows);
    this.older = longer(this.older, rows);
  }
}
