/** The exit codes of all commands. */
export const exitCodes = {
  fine: 0,
  /** The command ran, and its result is bad. */
  bad: 1,
  /**
   * The command could not run as it was asked: an unknown option, a value out of bounds, a file that can't be read, a
   * store that does not answer, a disk that is full.
   */
  usage: 2,
  /** Ended by Ctrl-C, as shells have it: 128 and the number of SIGINT. */
  interrupted: 130,
} as const;
