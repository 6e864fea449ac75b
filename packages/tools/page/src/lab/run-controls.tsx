import { mayChange } from "../session.ts";
import { isPlayground } from "../shell-state.ts";
import { TokenNote } from "../ui/token-note.tsx";
import type { LivePhase, Speed } from "../../../src/lab/live/live-protocol.ts";

/** Has the console do something; answers whether it was done. */
export type Command = (path: string, body?: unknown) => Promise<boolean>;

interface RunControlsProps {
  readonly phase: LivePhase;
  readonly speed: Speed;
  /** Whether a run keeps its speed. */
  readonly isSpeedFixed?: boolean;
  /** Whether the console can't be reached. */
  readonly isCutOff: boolean;
  readonly command: Command;
}

export const isActive = (phase: LivePhase): boolean =>
  phase === "starting" || phase === "running" || phase === "paused";

/** Start, pause, step, reset. Who may only look gets none of them. */
export function RunControls({ phase, speed, isSpeedFixed = false, isCutOff, command }: RunControlsProps) {
  if (!mayChange.value) return <TokenNote to="run the lab" />;
  const isRunning = phase === "running";
  const startLabel = { paused: "Go on", finished: "Run again", failed: "Run again" }[phase as string] ?? "Start";
  return (
    <div class="row">
      <button
        type="button"
        class="primary"
        disabled={isCutOff || phase === "starting"}
        onClick={() => void command(isRunning ? "pause" : "start")}
      >
        {isRunning ? "Pause" : startLabel}
      </button>
      <button type="button" disabled={isCutOff || phase === "starting"} onClick={() => void command("step")}>
        Step
      </button>
      <button type="button" disabled={isCutOff || phase === "idle"} onClick={() => void command("reset")}>
        Reset
      </button>
      <label>
        Speed{" "}
        <select
          value={speed}
          disabled={isCutOff || (isSpeedFixed && isActive(phase))}
          onChange={({ currentTarget }) => void command("settings", { speed: currentTarget.value })}
        >
          {speeds.map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

const speeds: readonly (readonly [Speed, string])[] = [
  ["slow", "Slow, to follow each"],
  ["brisk", "Brisk"],
  ["fast", "Fast"],
  ["full", "As fast as it goes"],
];

interface KillControlsProps {
  readonly processes: readonly { readonly name: string; readonly words: string; readonly isAlive: boolean }[];
  readonly isCutOff: boolean;
  readonly command: Command;
}

/** Kills one of the processes. What it had on its way is lost; what it has on disk is not. */
export function KillControls({ processes, isCutOff, command }: KillControlsProps) {
  if (!mayChange.value) return null;
  return (
    <div class="row" role="group" aria-label="Kill a process">
      {processes.map(({ name, words, isAlive }) => (
        <button
          key={name}
          type="button"
          class="danger"
          disabled={isCutOff || !isAlive}
          onClick={() => void command("kill", { process: name })}
        >
          Kill {words}
        </button>
      ))}
      <span class="quiet">
        {isPlayground.value
          ? "in the middle of its work; it comes back with what its database has"
          : "kill -9; what dies comes back with what it has on disk"}
      </span>
    </div>
  );
}
