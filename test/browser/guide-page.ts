/** A page with the guide's program: its `pay` is a global. */
import { pay } from "../../examples/guides/browser.ts";

export interface GuidePage {
  readonly pay: typeof pay;
}
Object.assign(globalThis, { pay } satisfies GuidePage);
