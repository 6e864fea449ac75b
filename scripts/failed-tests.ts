/**
 * Prints the failed tests of a run, and the files that could not be loaded: `node scripts/failed-tests.ts REPORT`, where
 * REPORT is what vitest's JSON reporter wrote. At the end of `.ci/run`, so that the last lines of its output name them.
 */
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import process from "node:process";

type Report = {
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
  }[];
};

const path = process.argv[2];
if (path === undefined) {
  throw new Error("Name the report to read: node scripts/failed-tests.ts REPORT");
}

const report = JSON.parse(readFileSync(path, "utf8")) as Report;
for (const file of report.testResults) {
  const name = relative(process.cwd(), file.name);
  const failed = file.assertionResults.filter(({ status }) => status === "failed");
  for (const { fullName, failureMessages } of failed) {
    process.stdout.write(`FAILED ${name} > ${fullName}\n${failureMessages.join("\n").slice(0, 2000)}\n`);
  }
  if (file.status === "failed" && failed.length === 0) {
    process.stdout.write(`FAILED ${name}\n${file.message.slice(0, 2000)}\n`);
  }
}
