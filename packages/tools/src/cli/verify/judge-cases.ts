import process from "node:process";
import { countVerdicts, type VerifyReport } from "../../verify/index.ts";
import { exitCodes } from "once-again/internal/command";
import { loggedProgress } from "../progress-bar.ts";

/** How a run of cases is stopped and observed: it ends when the signal aborts, and reports its progress. */
interface Running {
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** Runs cases with a progress bar, prints their report and sets the exit code; SIGINT ends the run. */
export async function judgeCases<Report extends Pick<VerifyReport, "cases">>(
  verify: (running: Running) => Promise<Report>,
  shape: (report: Report) => string,
): Promise<void> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  process.once("SIGINT", onSignal);
  const progress = loggedProgress(process.stderr, "cases");
  try {
    const report = await verify({ signal: interrupt.signal, onProgress: progress.update });
    progress.stop();
    process.stdout.write(shape(report));
    process.exitCode = countVerdicts(report, "fail") > 0 ? exitCodes.bad : exitCodes.fine;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = exitCodes.interrupted;
  } finally {
    progress.stop();
    process.off("SIGINT", onSignal);
  }
}

/** One JSON document, as `--json` prints it. */
export const jsonDocument = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
