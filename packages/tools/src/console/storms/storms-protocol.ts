import type { StormOptions, StormResult } from "../../simulator/index.ts";

/** `POST run`: storms to be simulated side by side. */
export interface StormsRequest {
  /** 1 to 8. */
  readonly storms: readonly StormOptions[];
}

/** Its answer: what `once-again storm --json` prints for the same storms. */
export interface StormsResponse {
  readonly results: readonly StormResult[];
}
