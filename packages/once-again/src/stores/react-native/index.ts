/**
 * Intents in an app of React Native: requests that outlive the app.
 *
 * @module
 */
import "../../core/check-platform.ts";
export { reactNativeIntents } from "./intents.ts";
