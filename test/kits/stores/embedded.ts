import type { TestedStore } from "../store-kit.ts";
import { memory } from "./memory/kit.ts";
import { sqlite } from "./sqlite/kit.ts";

/** The stores without a server: their suites start no process. */
export const embeddedStores: readonly TestedStore[] = [memory, sqlite];
