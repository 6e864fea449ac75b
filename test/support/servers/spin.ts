import type { ServerBinary } from "./binary.ts";
import { attemptToCompile } from "./compile.ts";

/** Version 6.5 or newer. */
export const spinBinary: ServerBinary = { name: "spin", install: "apt-get install -y spin" };

/** spin makes a program in C of each model. */
export const gccBinary: ServerBinary = {
  name: "gcc",
  attempt: (compiler) => attemptToCompile(compiler, ["stdio.h"]),
  install: "apt-get install -y gcc libc6-dev",
};
