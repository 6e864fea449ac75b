import process from "node:process";

/**
 * The class of `node:sqlite`. A static import of that module would fail on an older Node before any check of ours, with an error
 * that names no version.
 */
export const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
