import type { RetentionGround } from "../retention/engine.ts";

/** A private store that can be filled. */
export interface ConsoleEngine {
  readonly name: string;
  start(): Promise<Pick<RetentionGround, "store" | "addCopies"> & AsyncDisposable>;
}
