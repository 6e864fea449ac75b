import { useEffect } from "preact/hooks";
import type { LiveSettings, LiveState } from "../../../src/lab/live/live-protocol.ts";
import { Problem } from "../ui/problem.tsx";
import { MarkLegend } from "./attempt-mark.tsx";
import { CallerLane } from "./caller-lane.tsx";
import { CrowdSettings } from "./crowd-settings.tsx";
import "./lab.css";
import "./caller-lane.css";
import "./outcomes.css";
import "./order-list.css";
// After all that it changes.
import "./narrow.css";
import { command, commandProblem, listenToLab, live, streamProblem } from "./lab-live.ts";
import { OrderList } from "./order-list.tsx";
import { KillControls, RunControls } from "./run-controls.tsx";
import { noteMoved } from "./sky.ts";
import { count } from "./words.ts";

/** The lab: the same orders through the same network, careless and safe. */
export function LabPage() {
  useEffect(() => listenToLab((moved, isNewRun) => noteMoved(moved, isNewRun, performance.now())), []);
  const state = live.value;
  const isCutOff = streamProblem.value !== undefined;
  return (
    <div class="lab">
      <h1>Why sending it again is dangerous, and what makes it safe</h1>
      <p class="lead">
        Two callers send the same orders to the same payment API, over a network that loses some of what it carries.
        Nothing here is a film: the requests, the processes and the charges are real, on this machine.
      </p>
      {streamProblem.value !== undefined && <Problem text={`${streamProblem.value} Trying again…`} />}
      {commandProblem.value !== undefined && <Problem text={commandProblem.value} />}
      {state === undefined ? <p class="empty">{isCutOff ? "" : "Asking the console…"}</p> : <Stage state={state} />}
    </div>
  );
}

function Stage({ state }: { state: LiveState }) {
  const isCutOff = streamProblem.value !== undefined;
  const isStory = state.settings.mode === "story";
  return (
    <>
      <ModeChoice state={state} isCutOff={isCutOff} />
      <section class="card controls" aria-label="Controls">
        {isStory && (
          <p>
            One order is sent, and its first answer gets lost. Press <strong>Start</strong> and watch both callers, or{" "}
            <strong>Step</strong> to let one request go at a time.
          </p>
        )}
        <RunControls state={state} isCutOff={isCutOff} />
        <KillControls state={state} isCutOff={isCutOff} />
        {!isStory && <CrowdSettings state={state} isCutOff={isCutOff} />}
      </section>
      {state.problem !== undefined && <Problem text={state.problem} />}
      <p class="phase" role="status">
        {phaseWords(state)}
      </p>
      <div class="lanes">
        <CallerLane caller="careless" state={state} />
        <CallerLane caller="safe" state={state} />
      </div>
      {isStory && state.phase === "finished" && <Moral isCutOff={isCutOff} />}
      {!isStory && <MarkLegend />}
      {!isStory && <OrderList state={state} />}
    </>
  );
}

const modes: readonly (readonly [LiveSettings["mode"], string])[] = [
  ["story", "1. One order, slowly"],
  ["crowd", "2. A crowd of orders"],
];

/** A run goes with its mode: the other begins anew. */
async function choose(mode: LiveSettings["mode"]): Promise<void> {
  if (await command("reset")) await command("settings", { mode, speed: mode === "story" ? "slow" : "fast" });
}

function ModeChoice({ state, isCutOff }: { state: LiveState; isCutOff: boolean }) {
  return (
    <div class="row choices" role="group" aria-label="What to send">
      {modes.map(([mode, label]) => (
        <button
          key={mode}
          type="button"
          disabled={isCutOff}
          aria-pressed={mode === state.settings.mode}
          onClick={() => void (mode !== state.settings.mode && choose(mode))}
        >
          {label}
        </button>
      ))}
    </div>
  );
}

function phaseWords({ phase, callers, settings, orders }: LiveState): string {
  const isStory = settings.mode === "story";
  switch (phase) {
    case "idle":
      return isStory ? "Ready to send one order." : `Ready to send ${count(settings.orders)} orders.`;
    case "starting":
      return "Starting the API and both callers…";
    case "running":
      return isStory ? "The order is on its way." : `Sending ${count(orders)} orders.`;
    case "paused":
      return "Paused. What is on its way still arrives; the next requests wait.";
    case "failed":
      return "The run ended early.";
    case "finished": {
      const { careless, safe } = callers;
      return `Finished. Charged too often: careless ${count(careless.totals.duplicates)}, safe ${count(safe.totals.duplicates)}. Lost: careless ${count(careless.totals.lost)}, safe ${count(safe.totals.lost)}.`;
    }
  }
}

function Moral({ isCutOff }: { isCutOff: boolean }) {
  return (
    <section class="card moral" aria-labelledby="moral-title">
      <h2 id="moral-title">Why</h2>
      <p>
        Both did the same: no answer came, so they sent the order again. They had to, for it might never have arrived.
        But to the API the careless caller’s second request was a new order. The safe caller’s had the{" "}
        <strong>key</strong> of the first: the API looked it up, found that it had done this already, and gave the
        answer that had been lost.
      </p>
      <button type="button" class="primary" disabled={isCutOff} onClick={() => void choose("crowd")}>
        Now with a crowd
      </button>
    </section>
  );
}
