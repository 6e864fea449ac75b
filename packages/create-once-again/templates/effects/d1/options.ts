import { store } from "./store.ts";

/** How the route treats its keys: key, row and response are one batch. */
export const options = { mode: "transactional", store } as const;
