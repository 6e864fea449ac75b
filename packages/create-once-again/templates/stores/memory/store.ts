import { memoryStore } from "once-again/stores/memory";

// Forgets its keys with the process: for tests, and for effects whose provider takes keys itself.
export const store = memoryStore();
