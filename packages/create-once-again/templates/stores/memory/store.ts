import { memoryStore } from "once-again/stores/memory";

// Its keys are lost with the process: use it in tests, and for effects that a provider makes safe by keys itself.
export const store = memoryStore();
