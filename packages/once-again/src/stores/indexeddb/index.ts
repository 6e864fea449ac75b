/**
 * Intents in a browser: requests that outlive their tab.
 *
 * @module
 */
export type { IndexedDbEvent } from "./connection.ts";
export { indexeddbIntents, type IndexedDbOptions } from "./intents.ts";
export { resumeOn, type ResumeOccasion } from "./resume-on.ts";
