/** The targets, how often each was attacked, and what gave way. */
export interface FuzzResult {
  readonly target: string;
  readonly seed: number;
  /** Connections that were made, or inputs that were read. */
  readonly cases: number;
  readonly seconds: number;
  /** How often the process under attack died. */
  readonly deaths: number;
  /** The breaches, each with the number of its case where that is known. */
  readonly breaches: readonly string[];
  /** Figures of the run by their names, with their units. */
  readonly figures: Readonly<Record<string, number>>;
}

/** How long to attack, and with what. */
export interface FuzzRun {
  readonly seed: number;
  readonly seconds: number;
  /** One case alone, again and again; default: all cases from the first one on. */
  readonly only?: number | undefined;
  /** How many processes the gateway has; default 1. */
  readonly workers?: number | undefined;
  /** The pools of one client alone; default: all. */
  readonly client?: string | undefined;
  onProgress(cases: number): void;
}

/** How many breaches are described; more of them say nothing new. */
const breachesMax = 20;

/** Collects breaches, each kind once. */
export class Breaches {
  readonly #seen = new Set<string>();
  readonly all: string[] = [];

  /** @param kind what it is like: another one of its kind is not described. */
  add(kind: string, sentence: string): void {
    if (this.#seen.has(kind) || this.all.length >= breachesMax) return;
    this.#seen.add(kind);
    this.all.push(sentence);
  }
}

/** Runs cases side by side until the time is over, and returns how many it ran. */
export async function runCases(
  { seconds, only, onProgress }: FuzzRun,
  atOnce: number,
  runCase: (number: number) => Promise<void>,
): Promise<number> {
  const endsAt = performance.now() + seconds * 1000;
  let cases = 0;
  const work = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const number = only ?? cases;
      cases += 1;
      await runCase(number);
      if (cases % 100 === 0) onProgress(cases);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return cases;
}
