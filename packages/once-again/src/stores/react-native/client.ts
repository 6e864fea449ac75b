/** The parts of a database of expo-sqlite (`await openDatabaseAsync("intents.db")`) that we use. */
export interface ExpoDatabase {
  getAllAsync(source: string, params: never[]): Promise<unknown[]>;
}

/** The parts of a database of op-sqlite (`open({ name: "intents.db" })`) that we use. */
export interface OpDatabase {
  execute(query: string, params?: never[]): Promise<{ readonly rows: readonly unknown[] }>;
}
