import type { McpCase } from "../mcp-case.ts";
import { concurrency } from "./concurrency.ts";
import { disconnects } from "./disconnects.ts";
import { errors } from "./errors.ts";
import { fingerprint } from "./fingerprint.ts";
import { keys } from "./keys.ts";
import { repeats } from "./repeats.ts";
import { scope } from "./scope.ts";
import { toolList } from "./tool-list.ts";

/** Every case, in the order in which they run. */
export const mcpCases: readonly McpCase[] = [
  ...toolList,
  ...keys,
  ...repeats,
  ...fingerprint,
  ...concurrency,
  ...disconnects,
  ...errors,
  ...scope,
];
