import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Collects all garbage, at once. A weak reference is strong until the turn ends in which it was made or read. */
export const collectGarbage = runInNewContext("gc") as () => void;
