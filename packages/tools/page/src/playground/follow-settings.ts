import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";

/** The results of the latest run that is over, and the settings that it had. */
export interface Shown<Settings, Result> {
  readonly settings: Settings;
  readonly results: readonly Result[];
}

/** The runs of a page. */
export interface Runs<Settings, Result> {
  /** Undefined until the first run is over. */
  readonly shown: ReadonlySignal<Shown<Settings, Result> | undefined>;
  /** Why the latest run came to no end. */
  readonly problem: ReadonlySignal<string | undefined>;
  /** Runs what the settings say, each time that they change, until the returned function is called. */
  readonly follow: () => () => void;
}

/** Runs the kinds that a page compares, one after the other: virtual time stands still while another run is at work. */
export function followSettings<Kind, Settings, Result>(
  settings: Signal<Settings>,
  kinds: readonly Kind[],
  run: (kind: Kind, settings: Settings) => Promise<Result>,
): Runs<Settings, Result> {
  const shown = signal<Shown<Settings, Result> | undefined>(undefined);
  const problem = signal<string | undefined>(undefined);
  let asked = 0;
  const runAll = async (now: Settings): Promise<void> => {
    const mine = (asked += 1);
    const results: Result[] = [];
    try {
      for (const kind of kinds) {
        results.push(await run(kind, now));
        if (mine !== asked) return;
      }
      shown.value = { settings: now, results };
      problem.value = undefined;
    } catch (error) {
      if (mine === asked) problem.value = (error as Error).message;
    }
  };
  return { shown, problem, follow: () => effect(() => void runAll(settings.value)) };
}
