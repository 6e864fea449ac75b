/** Judges the history in a file, and prints the verdict, and what it took. */
import { createReadStream, statSync } from "node:fs";
import process from "node:process";
import { judgeHistory } from "../../packages/tools/src/judge/index.ts";

const file = process.argv[2]!;
const judged = await judgeHistory(createReadStream(file, { highWaterMark: 1 << 18 }), { bytes: statSync(file).size });
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
process.stdout.write(JSON.stringify({ judged, maxRSS, cpuMicros: userCPUTime + systemCPUTime }));
