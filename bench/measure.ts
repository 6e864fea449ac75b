/** The result of one measurement: figures by name. */
export type Figures<Name extends string> = Readonly<Record<Name, number>>;

/** A measured subject, and its baseline. */
export interface Subject<Name extends string> {
  readonly name: string;
  /** The name of the subject that its figures are divided by; its own, for a baseline. */
  readonly baseline: string;
  measure(): Promise<Figures<Name>>;
}

/** The figures of one subject's rounds. */
export interface Measured<Name extends string> {
  readonly name: string;
  readonly baseline: string;
  /** The median of each figure. */
  readonly medians: Figures<Name>;
  /** The median of each figure's ratios to the baseline's figure of the same round. */
  readonly ratios: Figures<Name>;
  /** The smallest and the largest of those ratios. */
  readonly ratioRanges: Readonly<Record<Name, readonly [smallest: number, largest: number]>>;
  readonly rounds: readonly Figures<Name>[];
}

/**
 * Measures all subjects in each round, so that whatever else the machine does meets all of them alike. Every other round
 * goes backwards, and each begins at another subject: none always comes after the same one.
 */
export async function measureInterleaved<Name extends string>(
  subjects: readonly Subject<Name>[],
  rounds: number,
  say: (text: string) => void = () => undefined,
): Promise<Measured<Name>[]> {
  const taken = new Map<string, Figures<Name>[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of inRound(subjects, round)) {
      say(`round ${round + 1} of ${rounds}: ${subject.name}`);
      taken.get(subject.name)?.push(await subject.measure());
    }
  }
  return measuredOf(subjects, taken);
}

/** The figures of all subjects' rounds. @param taken the figures of each round, by the subject's name. */
export function measuredOf<Name extends string>(
  subjects: readonly Pick<Subject<Name>, "name" | "baseline">[],
  taken: ReadonlyMap<string, readonly Figures<Name>[]>,
): Measured<Name>[] {
  return subjects.map(({ name, baseline }) => {
    const [own, base] = [taken.get(name), taken.get(baseline)];
    if (own === undefined || base === undefined) throw new Error(`${name} has no baseline ${baseline} in this run.`);
    return { name, baseline, ...summary(own, base), rounds: own };
  });
}

function inRound<Value>(values: readonly Value[], round: number): Value[] {
  const start = round % Math.max(1, values.length);
  const rotated = [...values.slice(start), ...values.slice(0, start)];
  return round % 2 === 0 ? rotated : rotated.toReversed();
}

function summary<Name extends string>(own: readonly Figures<Name>[], base: readonly Figures<Name>[]) {
  const names = Object.keys(own[0] ?? {}) as Name[];
  const byName = <Value>(of: (name: Name) => Value) =>
    Object.fromEntries(names.map((name) => [name, of(name)])) as Record<Name, Value>;
  const ratiosOf = (name: Name): number[] => roundRatios(own, base, name);
  return {
    medians: byName((name) => median(own.map((figures) => figures[name]))),
    ratios: byName((name) => median(ratiosOf(name))),
    ratioRanges: byName((name) => [Math.min(...ratiosOf(name)), Math.max(...ratiosOf(name))] as const),
  };
}

/** One figure, divided by that of another subject in the same round. */
export function roundRatios<Name extends string>(
  own: readonly Figures<Name>[],
  other: readonly Figures<Name>[],
  name: Name,
): number[] {
  return own.map((figures, round) => figures[name] / (other[round]?.[name] ?? Number.NaN));
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}
