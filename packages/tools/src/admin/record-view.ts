import type { InspectedRecord } from "once-again/stores";
import type { Kept, keptReader } from "./stored-value.ts";

/** A record with what it keeps, read. */
export interface RecordView {
  readonly found: InspectedRecord;
  /** By place. */
  readonly steps: readonly (readonly [place: string, kept: Kept])[];
  readonly result: Kept | undefined;
}

export async function recordView(found: InspectedRecord, read: ReturnType<typeof keptReader>): Promise<RecordView> {
  const { scope, key } = found;
  const { checkpoints, result } = found.record;
  const places = Object.entries(checkpoints).sort(([one], [other]) => Number(one) - Number(other));
  return {
    found,
    steps: await Promise.all(
      places.map(async ([step, bytes]) => [step, await read({ scope, key, step }, bytes)] as const),
    ),
    result: result === undefined ? undefined : await read({ scope, key }, result),
  };
}
