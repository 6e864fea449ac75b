import type { ServerBinary } from "./binary.ts";

/** Version 6.5 or newer. */
export const spinBinary: ServerBinary = { name: "spin", install: "apt-get install -y spin" };

/** spin makes a program in C of each model. */
export const gccBinary: ServerBinary = { name: "gcc", install: "apt-get install -y gcc libc6-dev" };
