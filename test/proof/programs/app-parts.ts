import type { RequestListener } from "node:http";
import { Readable } from "node:stream";
import type { Execution } from "../../../packages/once-again/src/engine/index.ts";
import type { LeasedHttpOptions } from "../../../packages/once-again/src/http/index.ts";
import type { Exchange, NotedRun } from "./diary.ts";
import type { Ground } from "./ground.ts";
import { act, bodyOf, chunksOf, type Surroundings } from "./handle.ts";
import type { Program } from "./program.ts";

/** The parts of an app. */
export interface AppParts {
  readonly program: Program;
  readonly ground: Ground;
  /** The options of the route, for the framework's own requests. */
  readonly options: LeasedHttpOptions<never>;
  readonly exchangeOf: (id: string) => Exchange;
  /** Begins a run: notes what becomes of it. */
  readonly begin: () => { noted: NotedRun; end: () => void };
}

export interface App {
  readonly listener: RequestListener;
  /** Ends the routes' operations. */
  readonly close: () => Promise<void>;
}

/** The answer of a run of the handler. */
export interface Given {
  readonly run: number;
  readonly status: number;
  /** Undefined where the answer is a stream of `chunks`. */
  readonly body: string | undefined;
  readonly chunks: () => Readable;
}

/** Runs the program's handler once. @throws what the program throws. */
export async function runProgram(
  { program, ground, begin }: AppParts,
  exchange: Exchange,
  execution: Pick<Execution<unknown>, "transaction" | "signal">,
  answer?: Surroundings["answer"],
): Promise<Given> {
  const { noted, end } = begin();
  const { run } = noted;
  try {
    await act({ program, ground, exchange, execution, answer, run }, noted);
  } finally {
    end();
  }
  const { status, body } = program.ending;
  const text = status === 204 ? "" : bodyOf(run);
  return { run, status, body: body === "text" ? text : undefined, chunks: () => Readable.from(chunksOf(program, run)) };
}

export const lateAnswer = "a time-out answered";

/** Makes a route's middleware, and a second one where it is mounted twice. */
export function mounted<Once extends { close(): Promise<void> }>(
  { program: { mounts } }: AppParts,
  make: () => Once,
): { all: readonly Once[]; close: () => Promise<void> } {
  const all = Array.from({ length: mounts }, make);
  return { all, close: async () => void (await Promise.all(all.map((once) => once.close()))) };
}
