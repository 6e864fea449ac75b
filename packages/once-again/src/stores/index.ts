export * from "./store.ts";
export * from "./transition.ts";
