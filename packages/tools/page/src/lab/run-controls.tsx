import type { LiveState, ProcessName, Speed } from "../../../src/lab/live/live-protocol.ts";
import { command } from "./lab-live.ts";
import { processWords } from "./words.ts";

interface ControlProps {
  readonly state: LiveState;
  /** Whether the console can't be reached. */
  readonly isCutOff: boolean;
}

/** Start, pause, step, reset. */
export function RunControls({ state, isCutOff }: ControlProps) {
  const { phase } = state;
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
      <SpeedChoice speed={state.settings.speed} isCutOff={isCutOff} />
    </div>
  );
}

const speeds: readonly (readonly [Speed, string])[] = [
  ["slow", "Slow, to follow each"],
  ["brisk", "Brisk"],
  ["fast", "Fast"],
  ["full", "As fast as it goes"],
];

function SpeedChoice({ speed, isCutOff }: { speed: Speed; isCutOff: boolean }) {
  return (
    <label>
      Speed{" "}
      <select
        value={speed}
        disabled={isCutOff}
        onChange={({ currentTarget }) => void command("settings", { speed: currentTarget.value })}
      >
        {speeds.map(([name, words]) => (
          <option key={name} value={name}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

const killable: readonly ProcessName[] = ["api", "careless", "safe"];

/** Kills one of the processes. What it had on its way is lost; what it has on disk is not. */
export function KillControls({ state, isCutOff }: ControlProps) {
  return (
    <div class="row" role="group" aria-label="Kill a process">
      {killable.map((name) => {
        const process = state.processes?.[name];
        return (
          <button
            key={name}
            type="button"
            class="danger"
            disabled={isCutOff || process?.state !== "alive"}
            onClick={() => void command("kill", { process: name })}
          >
            Kill {processWords[name]}
          </button>
        );
      })}
      <span class="quiet">kill -9; it comes back with what it has on disk</span>
    </div>
  );
}
