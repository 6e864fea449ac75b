/** The package's entry points: the subpath that users import, and the source file behind it. */
export const entries: Readonly<Record<string, string>> = {
  ".": "src/index.ts",
  "./client": "src/client/index.ts",
  "./fetch": "src/frameworks/fetch.ts",
  "./key": "src/key/index.ts",
  "./node": "src/frameworks/node.ts",
  "./server": "src/server/index.ts",
  "./stores/memory": "src/stores/memory/index.ts",
  "./stores/sqlite": "src/stores/sqlite/index.ts",
  "./stores/store": "src/stores/store.ts",
  "./testing": "src/testing/index.ts",
};
