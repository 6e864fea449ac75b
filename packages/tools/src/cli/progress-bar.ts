import { SingleBar } from "cli-progress";

/** Shows how far a long command has come. */
export interface ProgressBar {
  /** Draws, no more than ten times a second. */
  readonly update: (done: number, total: number) => void;
  /** Clears the bar away; nothing is drawn from then on. */
  stop(): void;
}

/**
 * A progress bar on a terminal. On any other stream it draws nothing.
 *
 * @param unit what is counted, in the plural.
 */
export function progressBar(stream: NodeJS.WriteStream, unit: string): ProgressBar {
  const bar = new SingleBar({
    stream,
    format: `{bar} {value} of {total} ${unit}`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    // Its own listeners would end the bar but not the command.
    gracefulExit: false,
  });
  let hasStarted = false;
  return {
    update(done, total) {
      if (!hasStarted) bar.start(total, done);
      hasStarted = true;
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}

/** How often a stream that is no terminal gets a line, milliseconds. */
const lineEveryMs = 15_000;

/**
 * A progress bar on a terminal. Any other stream, such as the log of a CI job, gets a line every 15 seconds: for commands that may
 * take minutes.
 *
 * @param unit what is counted, in the plural.
 */
export function loggedProgress(
  stream: NodeJS.WriteStream,
  unit: string,
  now: () => number = () => performance.now(),
): ProgressBar {
  if (stream.isTTY) return progressBar(stream, unit);
  let lastAt = now();
  return {
    update(done, total) {
      if (now() - lastAt < lineEveryMs) return;
      lastAt = now();
      stream.write(`${done} of ${total} ${unit}\n`);
    },
    stop: () => undefined,
  };
}
