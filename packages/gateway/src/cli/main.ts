#!/usr/bin/env node
import { runProgram } from "once-again/internal/command";

await runProgram(async () => (await import("./program.ts")).makeProgram());
