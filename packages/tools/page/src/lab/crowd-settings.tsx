import {
  bounds,
  type LiveScenario,
  type LiveState,
  liveScenarios,
  rateMax,
} from "../../../src/lab/live/live-protocol.ts";
import { command } from "./lab-live.ts";
import { scenarioWords } from "./words.ts";

/** What the network does to a crowd's requests, and how large the crowd is. */
export function CrowdSettings({ state, isCutOff }: { state: LiveState; isCutOff: boolean }) {
  const isActive = state.phase === "starting" || state.phase === "running" || state.phase === "paused";
  return (
    <div class="settings">
      <fieldset disabled={isCutOff}>
        <legend>What the network does</legend>
        {liveScenarios.map((scenario) => (
          <ScenarioSwitch key={scenario} scenario={scenario} state={state} />
        ))}
      </fieldset>
      <fieldset disabled={isCutOff || isActive}>
        <legend>The crowd{isActive && <span class="quiet"> (reset to change)</span>}</legend>
        <NumberSetting name="orders" label="Orders" state={state} />
        <NumberSetting name="concurrency" label="At a time, each caller" state={state} />
        <NumberSetting name="seed" label="Seed: the same one, the same faults" state={state} />
      </fieldset>
    </div>
  );
}

function ScenarioSwitch({ scenario, state }: { scenario: LiveScenario; state: LiveState }) {
  const { isOn, rate } = state.settings.faults[scenario];
  const { title, means } = scenarioWords[scenario];
  const change = (change: { isOn?: boolean; rate?: number }): void =>
    void command("settings", { faults: { [scenario]: change } });
  return (
    <div class="scenario">
      <label>
        <input
          type="checkbox"
          role="switch"
          checked={isOn}
          onChange={({ currentTarget }) => change({ isOn: currentTarget.checked })}
        />
        {title}
      </label>
      <label class="rate">
        <span class="unseen">{title}: share</span>
        <input
          type="range"
          min={0}
          max={rateMax * 100}
          step={1}
          value={Math.round(rate * 100)}
          disabled={!isOn}
          aria-valuetext={`${Math.round(rate * 100)}% of the requests`}
          onChange={({ currentTarget }) => change({ rate: Number(currentTarget.value) / 100 })}
        />
        <output>{isOn ? `${Math.round(rate * 100)}%` : "off"}</output>
      </label>
      <span class="quiet means">{means}</span>
    </div>
  );
}

function NumberSetting({ name, label, state }: { name: keyof typeof bounds; label: string; state: LiveState }) {
  const { min, max } = bounds[name];
  return (
    <label class="number-setting">
      <span>{label}</span>
      <input
        type="number"
        min={min}
        max={max}
        value={state.settings[name]}
        onChange={({ currentTarget }) => {
          if (currentTarget.reportValidity()) void command("settings", { [name]: currentTarget.valueAsNumber });
        }}
      />
    </label>
  );
}
