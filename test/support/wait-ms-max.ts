/**
 * How long a test waits for what has to come, milliseconds. It ends what hangs, and says which: no machine is so slow that it needs all of
 * it, and the test's own time-out is longer.
 */
export const waitMsMax = 300_000;
