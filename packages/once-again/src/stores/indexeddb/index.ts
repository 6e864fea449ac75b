/**
 * Intents in a browser: requests that outlive their tab.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { indexeddbIntents } from "./intents.ts";
export { resumeOn } from "./resume-on.ts";
