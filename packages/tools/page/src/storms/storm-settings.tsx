import type { ComponentChildren } from "preact";
import { presets } from "../../../src/simulator/index.ts";
import { formOf, isFlow, presetNames, type StormForm } from "./storm-form.ts";
import { change, form, isRunning, simulate } from "./storms-state.ts";

const titles = {
  "thundering-herd": "Thundering herd",
  "retry-storm": "Retry storm",
  "layered-retries": "Layered retries",
} as const;

/** The world, and a policy of one's own in it. */
export function StormSettings() {
  const submit = (event: Event): void => {
    event.preventDefault();
    void simulate();
  };
  return (
    <form class="card storm-form" onSubmit={submit}>
      <PresetChoice />
      <World />
      <OwnPolicy />
      <button type="submit" class="primary" disabled={isRunning.value}>
        {isRunning.value ? "Simulating…" : "Simulate"}
      </button>
    </form>
  );
}

function PresetChoice() {
  return (
    <fieldset>
      <legend>The storm</legend>
      {presetNames.map((name) => (
        <label key={name} class="choice">
          <input
            type="radio"
            name="preset"
            checked={form.value.preset === name}
            onChange={() => {
              form.value = formOf(name);
              void simulate();
            }}
          />
          <span>
            {titles[name]}
            <small>{presets[name].about}</small>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function World() {
  const { outageKind } = form.value;
  return (
    <fieldset>
      <legend>The world</legend>
      <NumberField name="load" label={isFlow(form.value) ? "Calls per second" : "Callers"} min={1} max={100_000} />
      <NumberField name="capacity" label="The service bears, per second" min={1} max={1_000_000} />
      <NumberField name="outageSeconds" label="It stops for, seconds" min={0} max={60} />
      <Field label="Meanwhile requests are">
        <select
          value={outageKind}
          onChange={(event) => change({ outageKind: event.currentTarget.value as StormForm["outageKind"] })}
        >
          <option value="refuse">refused</option>
          <option value="hold">held</option>
          <option value="shed">answered with a 503</option>
        </select>
      </Field>
      <NumberField name="seed" label="Seed" min={0} max={Number.MAX_SAFE_INTEGER} />
    </fieldset>
  );
}

function OwnPolicy() {
  const { backoff, budget, hasOwn, jitter } = form.value;
  const hasCap = backoff !== "constant";
  const hasJitter = backoff !== "decorrelated";
  return (
    <fieldset>
      <legend>
        <label class="choice">
          <input
            type="checkbox"
            checked={hasOwn}
            onChange={(event) => change({ hasOwn: event.currentTarget.checked })}
          />
          <span>Compare a policy of your own</span>
        </label>
      </legend>
      {hasOwn && (
        <>
          <NumberField name="attemptsMax" label="Attempts at most" min={1} max={1000} />
          <NumberField name="attemptTimeoutMs" label="Time-out of one, ms" min={1} max={3_600_000} />
          <Field label="Backoff">
            <select
              value={backoff}
              onChange={(event) => change({ backoff: event.currentTarget.value as StormForm["backoff"] })}
            >
              {["exponential", "decorrelated", "linear", "fibonacci", "constant"].map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </Field>
          <NumberField name="baseMs" label={hasCap ? "First wait, ms" : "Wait, ms"} min={1} max={3_600_000} />
          {hasCap && <NumberField name="capMs" label="Longest wait, ms" min={1} max={3_600_000} />}
          {hasJitter && (
            <Field label="Jitter">
              <select
                value={jitter}
                onChange={(event) => change({ jitter: event.currentTarget.value as StormForm["jitter"] })}
              >
                {["equal", "full", "bounded", "none"].map((name) => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            </Field>
          )}
          <Field label="Retries are paid from">
            <select
              value={budget}
              onChange={(event) => change({ budget: event.currentTarget.value as StormForm["budget"] })}
            >
              <option value="success">successes</option>
              <option value="finagle">requests (Finagle)</option>
              <option value="grpc">gRPC’s budget</option>
              <option value="aws">AWS’ budget</option>
              <option value="none">nothing: they are free</option>
            </select>
          </Field>
        </>
      )}
    </fieldset>
  );
}

type NumberName = { [Name in keyof StormForm]: StormForm[Name] extends number ? Name : never }[keyof StormForm];

function NumberField({ name, label, min, max }: { name: NumberName; label: string; min: number; max: number }) {
  return (
    <Field label={label}>
      <input
        type="number"
        required
        min={min}
        max={max}
        value={form.value[name]}
        onInput={(event) => change({ [name]: event.currentTarget.valueAsNumber })}
      />
    </Field>
  );
}

function Field({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}
