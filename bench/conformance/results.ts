/** The findings of the suite in one library. */
export interface ConformanceResult {
  readonly name: string;
  readonly version: string;
  /** The option that was added to its defaults. */
  readonly option?: string | undefined;
  readonly passed: number;
  readonly warned: number;
  readonly notApplicable: number;
  /** The cases that failed, with what was observed. */
  readonly failed: readonly { readonly id: string; readonly title: string; readonly observed: string }[];
}

/** bench/results/conformance.json */
export interface ConformanceResults {
  readonly date: string;
  readonly node: string;
  /** The version of the suite. */
  readonly suite: number;
  readonly libraries: readonly ConformanceResult[];
}
