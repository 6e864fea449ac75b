import type { ConformanceCase } from "../conformance-case.ts";
import { concurrency } from "./concurrency.ts";
import { disconnects } from "./disconnects.ts";
import { errors } from "./errors.ts";
import { fingerprint } from "./fingerprint.ts";
import { keyForms } from "./key-forms.ts";
import { malformedKeys } from "./malformed-keys.ts";
import { replay } from "./replay.ts";
import { scope } from "./scope.ts";

/** All cases, in the order in which they run. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...keyForms,
  ...malformedKeys,
  ...replay,
  ...fingerprint,
  ...concurrency,
  ...disconnects,
  ...scope,
  ...errors,
];
