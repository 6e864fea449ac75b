import type { AttemptEnding } from "./attempt-ending.ts";
import { type Column, SlotTable } from "./events/slot-table.ts";

/**
 * The requests that are still in use, as a table of numbers; every method's `request` is a row. A request has two users: the
 * call that waits for its answer, and the part that has it (the network, a queue, a worker). When neither uses it any more,
 * its row is free.
 */
export class Requests {
  readonly #rows = new SlotTable(7, (column) => this.#lay(column));
  declare call: Column;
  /** The service that it is sent to: its index. */
  declare service: Column;
  /** Whether its call waits for the answer. */
  declare isAwaited: Column;
  declare isCarried: Column;
  /** How it was answered, an `AttemptEnding`. */
  declare ending: Column;
  /** When it came to the door of its service. */
  declare arrivedAt: Column;
  /** The next older request of the same attempt. */
  declare older: Column;

  get used(): number {
    return this.#rows.used;
  }

  begin(call: number, service: number, older: number): number {
    const request = this.#rows.take();
    this.call[request] = call;
    this.service[request] = service;
    this.isAwaited[request] = 1;
    this.isCarried[request] = 1;
    this.older[request] = older;
    return request;
  }

  answer(request: number, ending: AttemptEnding): void {
    this.ending[request] = ending;
  }

  /** Its call has the answer, or waits no more. */
  forget(request: number): void {
    this.isAwaited[request] = 0;
    if (this.isCarried[request] === 0) this.#rows.release(request);
  }

  /** Nothing carries it on: it was lost, or its answer arrived or was lost. */
  drop(request: number): void {
    this.isCarried[request] = 0;
    if (this.isAwaited[request] === 0) this.#rows.release(request);
  }

  #lay(column: (field: number) => Column): void {
    this.call = column(0);
    this.service = column(1);
    this.isAwaited = column(2);
    this.isCarried = column(3);
    this.ending = column(4);
    this.arrivedAt = column(5);
    this.older = column(6);
  }
}
