import type { Session } from "node:sqlite";
import type { Closable, SqliteGuard } from "./sqlite-guard.ts";

/** A handler's recording of its own changes. One that is left open would go on with those of others. */
export class GuardedSession implements Session, Closable {
  readonly #guard: SqliteGuard;
  readonly #session: Session;

  constructor(guard: SqliteGuard, session: Session) {
    this.#guard = guard;
    this.#session = session;
    guard.keep(this);
  }

  changeset(): NodeJS.NonSharedUint8Array {
    this.#guard.enter();
    return this.#session.changeset();
  }

  patchset(): NodeJS.NonSharedUint8Array {
    this.#guard.enter();
    return this.#session.patchset();
  }

  close(): void {
    this.#guard.forget(this);
    this.#session.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
