import { testedStores } from "../../kits/stores/index.ts";
import type { FailoverEngine } from "./engine.ts";

/** Loaded with the drivers of all: a run takes one of them. */
export const engines: readonly FailoverEngine[] = await Promise.all(
  testedStores.flatMap(({ failover }) => (failover === undefined ? [] : [failover()])),
);
