import type { ComponentChildren } from "preact";
import type { ProcessView } from "../../../src/lab/live/live-protocol.ts";

interface StationProps {
  readonly name: string;
  /** Absent before a run, and after it. */
  readonly process: ProcessView | undefined;
  readonly children?: ComponentChildren;
}

const stateWords = { alive: "", killed: "✗ killed", done: "✓ done" } as const;

/** A process, alive or dead. */
export function Station({ name, process, children }: StationProps) {
  const state = process?.state ?? "alive";
  return (
    <div class={`station is-${process === undefined ? "absent" : state}`}>
      <strong>{name}</strong>
      {children}
      <span>{process === undefined ? "not running" : `process ${process.pid}`}</span>
      <span class="station-state">
        {stateWords[state]}
        {state === "alive" && process !== undefined && process.kills > 0 && `back after kill ${process.kills}`}
      </span>
    </div>
  );
}
