import {
  bounds,
  type LiveScenario,
  type LiveState,
  liveScenarios,
  rateMax,
} from "../../../src/lab/live/live-protocol.ts";
import { command } from "./lab-live.ts";
import { NumberSetting, ShareSetting } from "./settings.tsx";
import { isActive } from "./run-controls.tsx";
import { scenarioWords } from "./words.ts";

/** The faults of a crowd's requests, and the size of the crowd. */
export function CrowdSettings({ state, isCutOff }: { state: LiveState; isCutOff: boolean }) {
  const isFixed = isActive(state.phase);
  const of = (name: keyof typeof bounds) => ({
    value: state.settings[name],
    ...bounds[name],
    onChange: (value: number) => void command("settings", { [name]: value }),
  });
  return (
    <div class="settings">
      <fieldset disabled={isCutOff}>
        <legend>What the network does</legend>
        {liveScenarios.map((scenario) => (
          <ScenarioSwitch key={scenario} scenario={scenario} state={state} />
        ))}
      </fieldset>
      <fieldset disabled={isCutOff || isFixed}>
        <legend>The crowd{isFixed && <span class="quiet"> (reset to change)</span>}</legend>
        <NumberSetting label="Orders" {...of("orders")} />
        <NumberSetting label="At a time, each caller" {...of("concurrency")} />
        <NumberSetting label="Seed: the same one, the same faults" {...of("seed")} />
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
      <ShareSetting
        label={`${title}: share`}
        of="the requests"
        value={rate}
        max={rateMax}
        isOn={isOn}
        onChange={(rate) => change({ rate })}
      />
      <span class="quiet means">{means}</span>
    </div>
  );
}
