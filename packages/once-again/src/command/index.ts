/**
 * For the commands of this project alone, `@once-again/tools` and `@once-again/gateway`: not stable. Any release may
 * change or remove a name of this module.
 *
 * It has the things that their command lines share: a store by its URL, drivers that are installed where the command
 * runs, lengths of time, exit codes.
 */
export { formatDuration, readDuration } from "./durations.ts";
export { exitCodes } from "./exit-codes.ts";
export { findModule, loadDriver, loadDrivers } from "./load-driver.ts";
export { type Painter, painter, plainPainter } from "./painter.ts";
export { outliveOutput, runProgram } from "./run-program.ts";
export {
  makeDrySqliteOutbox,
  makeSqlite,
  makeSqliteOutbox,
  outboxFromUrl,
  serverStoreFromUrl,
  sqlitePath,
  storeFromUrl,
} from "./store-from-url.ts";
export { formatStoreLocation, outboxForms, readStoreLocation, storeForms } from "./store-location.ts";
export { connectRedis } from "../stores/redis/open.ts";
export { drivers } from "./url-schemes.ts";
export type { MigratableOutbox, OpenOutbox } from "../stores/kit.ts";
export { runUntilInterrupted, serverSignals, waitForAbort } from "./until-interrupted.ts";
export { waitAtMost } from "./wait-at-most.ts";
export { wholeNumber } from "./whole-number.ts";
