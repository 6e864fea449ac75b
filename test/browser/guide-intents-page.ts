/** A page with two more programs of the guide: their exports are globals. */
import { intents } from "../../examples/guides/browser-memory.ts";
import { intentsOf } from "../../examples/guides/browser-seed.ts";

const guide = { intents, intentsOf };
export type GuideIntents = typeof guide;
Object.assign(globalThis, { guide });
