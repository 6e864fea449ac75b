import type { LiveState } from "../../../src/lab/live/live-protocol.ts";
import { mayChange } from "../session.ts";
import { isPlayground } from "../shell-state.ts";
import { Problem } from "../ui/problem.tsx";
import { MarkLegend } from "./attempt-mark.tsx";
import { CallerLane } from "./caller-lane.tsx";
import { CrowdSettings } from "./crowd-settings.tsx";
import { chooseMode, command, streamProblem } from "./lab-live.ts";
import { OrderList } from "./order-list.tsx";
import { KillControls, RunControls } from "./run-controls.tsx";
import { count, processWords } from "./words.ts";

/** The same orders through the same network, careless and safe. */
export function RequestsStory({ state }: { state: LiveState }) {
  const isCutOff = streamProblem.value !== undefined;
  const isStory = state.settings.mode === "story";
  return (
    <>
      <section class="card controls" aria-label="Controls">
        {isStory && mayChange.value && (
          <p>
            One order is sent, and its first answer gets lost. Press <strong>Start</strong> and watch both callers, or{" "}
            <strong>Step</strong> to let one request go at a time.
          </p>
        )}
        <RunControls phase={state.phase} speed={state.settings.speed} isCutOff={isCutOff} command={command} />
        <KillControls processes={killable(state)} isCutOff={isCutOff} command={command} />
        {!isStory && mayChange.value && <CrowdSettings state={state} isCutOff={isCutOff} />}
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

const killable = ({ processes }: LiveState) =>
  // In the playground callers have no disk to come back from.
  (isPlayground.value ? (["api"] as const) : (["api", "careless", "safe"] as const)).map((name) => ({
    name,
    words: processWords[name],
    isAlive: processes?.[name].state === "alive",
  }));

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
      {mayChange.value && (
        <button type="button" class="primary" disabled={isCutOff} onClick={() => void chooseMode("crowd")}>
          Now with a crowd
        </button>
      )}
    </section>
  );
}
