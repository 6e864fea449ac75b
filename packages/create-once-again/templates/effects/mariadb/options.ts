import { store } from "./store.ts";

/** How the route treats its keys: key, row and response commit together. */
export const options = { mode: "transactional", store } as const;
