import { effect, signal } from "@preact/signals";
import { runCrash } from "./crash-run.ts";
import { callerKinds, type CrashResult, type CrashSettings } from "./crash-settings.ts";

/** All is done, and only the response is missing: the crash that a blind retry turns into a second charge. */
export const crashDefaults: CrashSettings = { at: 5, crash: "server", effect: "row", seed: 1 };

export const crashSettings = signal<CrashSettings>(crashDefaults);

/** The ends of the order with each caller, and the crash that they met; undefined until the first run is over. */
export const crashResults = signal<
  { readonly settings: CrashSettings; readonly results: readonly CrashResult[] } | undefined
>(undefined);

/** Why a run came to no end. */
export const crashProblem = signal<string | undefined>(undefined);

let asked = 0;

/** Runs what the settings say, each time that they change. */
export function followCrash(): () => void {
  return effect(() => {
    const settings = crashSettings.value;
    const mine = (asked += 1);
    const isLatest = (): boolean => mine === asked;
    void runAll(settings).then(
      (results) => void (isLatest() && (crashResults.value = { settings, results })),
      (error: Error) => void (isLatest() && (crashProblem.value = error.message)),
    );
  });
}

/** One after the other: virtual time stands still while another run is at work. */
async function runAll(settings: CrashSettings): Promise<readonly CrashResult[]> {
  const results: CrashResult[] = [];
  for (const caller of callerKinds) results.push(await runCrash(caller, settings));
  return results;
}
