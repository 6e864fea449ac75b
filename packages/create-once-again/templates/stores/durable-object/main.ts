export { OnceKeys } from "./store.ts";
export { default } from "./worker.ts";
