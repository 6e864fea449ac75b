import { fork } from "node:child_process";

/** Sent to the process that grades. */
export interface GradeTask {
  readonly number: number;
  /** The path of the submission. */
  readonly file: string;
}

/** A report of that process: each step as it begins, and then how the process ended. */
export type GradeReport =
  | { readonly type: "step"; readonly step: number }
  | { readonly type: "passed" }
  | { readonly type: "failed"; readonly step?: number; readonly sentence: string };

/** The grade of a submission. */
export interface Grade {
  readonly passed: boolean;
  /** The step of the story at which it went wrong; undefined if it passed, or could not be loaded. */
  readonly step: number | undefined;
  /** The reason of a failure, in one sentence; empty if it passed. */
  readonly sentence: string;
}

/** The longest that a submission may run, milliseconds. */
const timeMaxMs = 120_000;

/**
 * Runs a submission through the story of its exercise, in a process apart.
 *
 * @param onStep called with each step that begins.
 * @throws the reason of `signal` if it aborts.
 */
export async function gradeSubmission(
  task: GradeTask,
  { signal, onStep }: { readonly signal: AbortSignal; readonly onStep: (step: number) => void },
): Promise<Grade> {
  const program = new URL(`./grade-process${import.meta.url.slice(-3)}`, import.meta.url);
  const child = fork(program, {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    execArgv: ["--disable-warning=ExperimentalWarning", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"],
  });
  const { promise, resolve } = Promise.withResolvers<Grade>();
  let step = 1;
  const fail = (sentence: string, at: number | undefined = step): void =>
    resolve({ passed: false, step: at, sentence });
  child.on("message", (message) => {
    const report = message as GradeReport;
    if (report.type === "passed") return resolve({ passed: true, step: undefined, sentence: "" });
    if (report.type === "failed") return resolve({ passed: false, step: report.step, sentence: report.sentence });
    step = report.step;
    onStep(step);
  });
  child.once("exit", () => fail(`At step ${step} of the story your program ended its process.`));
  const timer = setTimeout(() => {
    fail(`At step ${step} of the story your program did not end within ${timeMaxMs / 1000} s.`);
  }, timeMaxMs);
  const onAbort = (): void => fail("Interrupted.");
  signal.addEventListener("abort", onAbort, { once: true });
  child.send(task);
  try {
    const grade = await promise;
    signal.throwIfAborted();
    return grade;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    child.kill("SIGKILL");
  }
}
