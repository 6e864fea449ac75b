/**
 * Intents in an app of React Native: requests that outlive the app.
 *
 * @module
 */
export { reactNativeIntents } from "./intents.ts";
