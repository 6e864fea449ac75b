/**
 * A reporter for vitest that ends a run of the tests after an hour, and says which files and tests have not ended. In CI a
 * file of which each test hangs would take hours, and the run would be killed before it names them.
 */
import { relative } from "node:path";
import process from "node:process";
import type { Reporter, TestCase, TestModule, Vitest } from "vitest/node";

const runMinutesMax = 60;

/** How long a test may take to end when its run is cancelled, milliseconds. One that blocks its process never does. */
const endMsMax = 10_000;

export default class BoundedRun implements Reporter {
  readonly #files = new Set<TestModule>();
  readonly #tests = new Set<TestCase>();

  onInit(vitest: Vitest): void {
    setTimeout(() => {
      for (const text of this.#unended())
        process.stderr.write(`STILL RUNNING after ${runMinutesMax} minutes: ${text}\n`);
      process.exitCode = 1;
      void vitest.cancelCurrentRun("test-failure");
      // The second time it kills.
      setTimeout(() => void vitest.cancelCurrentRun("test-failure"), endMsMax).unref();
    }, runMinutesMax * 60_000).unref();
  }

  onTestModuleStart(file: TestModule): void {
    this.#files.add(file);
  }

  onTestModuleEnd(file: TestModule): void {
    this.#files.delete(file);
  }

  onTestCaseReady(test: TestCase): void {
    this.#tests.add(test);
  }

  onTestCaseResult(test: TestCase): void {
    this.#tests.delete(test);
  }

  *#unended(): Generator<string> {
    for (const file of this.#files) {
      const tests = [...this.#tests].filter(({ module }) => module === file);
      const path = relative(process.cwd(), file.moduleId);
      if (tests.length === 0) yield path;
      for (const { fullName } of tests) yield `${path} > ${fullName}`;
    }
  }
}
