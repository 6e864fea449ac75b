#!/usr/bin/env node
import process from "node:process";
import { exitCodes } from "./exit-codes.ts";
import { nodeVersionProblem } from "./node-version.ts";

const problem = nodeVersionProblem(process.versions.node);
if (problem === undefined) {
  // Only now: the commands import what an older Node does not have.
  const { runProgram } = await import("./program.ts");
  await runProgram();
} else {
  console.error(`error: ${problem}`);
  process.exitCode = exitCodes.usage;
}
