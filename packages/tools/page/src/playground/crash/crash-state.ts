import { signal } from "@preact/signals";
import { followSettings } from "../follow-settings.ts";
import { runCrash } from "./crash-run.ts";
import { callerKinds, type CrashSettings } from "./crash-settings.ts";

/** All is done, and only the response is missing: the crash that a blind retry turns into a second charge. */
export const crashDefaults: CrashSettings = { at: 5, crash: "server", effect: "row", seed: 1 };

export const crashSettings = signal<CrashSettings>(crashDefaults);

/** The ends of the order with each caller, and the crash that they met. */
export const crashRuns = followSettings(crashSettings, callerKinds, runCrash);
