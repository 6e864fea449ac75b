/**
 * Intents in a browser: requests that outlive their tab.
 *
 * @module
 */
export { indexeddbIntents } from "./intents.ts";
export { resumeOn } from "./resume-on.ts";
