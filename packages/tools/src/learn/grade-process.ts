import process from "node:process";
import { pathToFileURL } from "node:url";
import type { GradeReport, GradeTask } from "./grade-submission.ts";
import { graders } from "./graders.ts";
import { openStory, StoryFailure } from "./story.ts";

/** Grades one submission, in a process that the submission may end, block or break. */
async function grade({ number, file }: GradeTask): Promise<void> {
  const report = (message: GradeReport): unknown => process.send?.(message);
  const { exportName, grade } = graders[number]!;
  let submitted: unknown;
  try {
    const exported = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    submitted = exported[exportName];
  } catch (error) {
    report({ type: "failed", sentence: `Your program could not be loaded: ${messageOf(error)}.` });
    return;
  }
  if (typeof submitted !== "function") {
    report({ type: "failed", sentence: `Your program exports no function ${exportName}.` });
    return;
  }
  const story = openStory((step) => report({ type: "step", step }));
  try {
    await grade(submitted as never, story);
    report({ type: "passed" });
  } catch (error) {
    const { step } = story;
    const problem = error instanceof StoryFailure ? error.message : `your program threw "${messageOf(error)}"`;
    report({ type: "failed", step, sentence: `At step ${step} of the story ${problem}.` });
  }
}

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");

process.once("message", (task) => {
  // The submission may have left timers or sockets behind.
  void grade(task as GradeTask).finally(() => process.disconnect());
});
process.once("disconnect", () => process.exit());
