/** From values to places on paper. */
export interface Scale {
  readonly max: number;
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** A scale from 0 to at least `most`, with about `count` round ticks, between two places. */
export function scaleTo(most: number, [from, to]: readonly [number, number], count = 4): Scale {
  const rough = Math.max(most, 1e-9) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const steps = Math.max(1, Math.ceil(most / step - 1e-9));
  const max = steps * step;
  return {
    max,
    ticks: Array.from({ length: steps + 1 }, (_, index) => index * step),
    at: (value) => from + (value / max) * (to - from),
  };
}
