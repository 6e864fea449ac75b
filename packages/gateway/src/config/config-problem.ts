/** A problem of a configuration: where it is, and what would be right. */
export interface ConfigProblem {
  /** The file as it was named; missing for a flag. */
  readonly file?: string | undefined;
  /** 1-based. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly message: string;
}

/** A problem as compilers print theirs: `gateway.yaml:12:5: …`. */
export function formatProblem({ file, line, column, message }: ConfigProblem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  return place === "" ? message : `${place}: ${message}`;
}

/** A configuration that can't be used: everything that is wrong with it. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const inOrder = problems.toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0));
    super(inOrder.map(formatProblem).join("\n"));
    this.name = "ConfigError";
    this.problems = inOrder;
  }
}
