import { openIntents } from "once-again/intents";
import { reactNativeIntents } from "once-again/stores/react-native";

type Database = Parameters<typeof reactNativeIntents>[0];

/**
 * @param database `await openDatabaseAsync("intents.db", { useNewConnection: true })` of expo-sqlite, or `open({ name: "intents.db" })`
 *   of op-sqlite.
 */
export function openAppIntents(database: Database) {
  const intents = openIntents({ store: reactNativeIntents(database), keys: ["https://api.shop.example"] });
  // The app is started, or the system brings it back.
  void intents.resume();
  return intents;
}
