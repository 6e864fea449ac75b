import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkNumber, invalidOptionError } from "once-again/internal";
import type { Order } from "./orders.ts";

/** The options that each story of the lab has. */
export interface StoryOptions {
  /** Both sides have these, in this order: at least one, each with another id. */
  readonly orders: readonly Order[];
  /** Share of what is sent that meets a fault. Default 0.3. */
  readonly faults?: number | undefined;
  /** The same seed brings the same faults. A whole number from 0 to 2^53 - 1, default 1. */
  readonly seed?: number | undefined;
  /** How much each side has under way at a time: 1 to 256, default 8. */
  readonly callers?: number | undefined;
  /** Ends the run early. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each order that is settled, paid or saved, of both sides together. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The options with their defaults, and where the run has its files. */
export type StoryRun<Options extends StoryOptions> = Options & {
  readonly faults: number;
  readonly seed: number;
  readonly concurrency: number;
  readonly folder: string;
};

/**
 * Checks the options of a story, and runs it in a folder that is gone afterwards.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for an option out of bounds.
 */
export async function runStory<Options extends StoryOptions, Result>(
  options: Options,
  { faultsMax, run }: { readonly faultsMax: number; readonly run: (story: StoryRun<Options>) => Promise<Result> },
): Promise<Result> {
  const settings = {
    faults: checkNumber("faults", options.faults ?? 0.3, { min: 0, max: faultsMax }),
    seed: checkNumber("seed", options.seed ?? 1, { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }),
    concurrency: checkNumber("callers", options.callers ?? 8, { min: 1, max: 256, integer: true }),
  };
  if (options.orders.length === 0) throw invalidOptionError("orders", "at least one order", "none");
  const folder = await mkdtemp(join(tmpdir(), "once-again-lab-"));
  try {
    return await run({ ...options, ...settings, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
