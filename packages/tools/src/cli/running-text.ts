/** A line on a terminal that changes as a command goes on; on any other stream nothing is written. */
export interface RunningText {
  /** Takes the place of the text before. */
  show(text: string): void;
  /** Wipes the line. */
  clear(): void;
}

/** For commands that can't know how much there is to do. With an end to reach, see `progressBar`. */
export function runningText(stream: NodeJS.WriteStream): RunningText {
  const write = (text: string): void => void (stream.isTTY && stream.write(text));
  return { show: (text) => write(`\r${text}`), clear: () => write("\r\u001b[K") };
}
