import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { McpVerifyReport, VerifyReport } from "../../packages/tools/src/verify/index.ts";

export const python3 = { name: "python3", install: "apt-get install -y python3" };

/** The part of a report that both runners have. */
export type Report = Pick<VerifyReport | McpVerifyReport, "cases">;

const run = promisify(execFile);

/** The report of the runner in Python. */
export async function runPython(...args: string[]): Promise<Report> {
  const { stdout } = await run("python3", ["conformance/run.py", ...args], { maxBuffer: 1e7 }).catch(
    (error: Error & { code?: unknown; stdout: string }) => {
      // 1 says that a case failed.
      if (error.code === 1) return error;
      throw error;
    },
  );
  return JSON.parse(stdout) as Report;
}

/** The reports of the runner in Python, one for each list of arguments. */
export async function runPythonWithEach(lists: readonly (readonly string[])[]): Promise<readonly Report[]> {
  const running = run("python3", ["test/verify/run-each.py"], { maxBuffer: 1e8 });
  running.child.stdin!.end(lists.map((args) => `${JSON.stringify(args)}\n`).join(""));
  const { stdout } = await running;
  const lines = stdout.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Report);
}

export const verdictsOf = ({ cases }: Report): string[] => cases.map(({ id, kind }) => `${id} ${kind}`);
