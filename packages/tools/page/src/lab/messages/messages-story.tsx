import { type MessagesState, messagesBounds, roleNames } from "../../../../src/lab/messages/live/messages-protocol.ts";
import { mayChange } from "../../session.ts";
import { Problem } from "../../ui/problem.tsx";
import { streamProblem } from "../lab-live.ts";
import { isActive, KillControls, RunControls } from "../run-controls.tsx";
import { NumberSetting, ShareSetting } from "../settings.tsx";
import { messagesCommand } from "./messages-live.ts";
import { phaseWords } from "./messages-words.ts";
import { SideLane } from "./side-lane.tsx";

/** The same orders, saved and announced, carelessly and safely. */
export function MessagesStory({ state }: { state: MessagesState }) {
  const isCutOff = streamProblem.value !== undefined;
  const { phase, settings } = state;
  return (
    <>
      <section class="card controls" aria-label="Controls">
        <RunControls phase={phase} speed={settings.speed} isSpeedFixed isCutOff={isCutOff} command={messagesCommand} />
        <KillControls processes={killable(state)} isCutOff={isCutOff} command={messagesCommand} />
        {mayChange.value && <MessagesSettingsForm state={state} isCutOff={isCutOff} />}
      </section>
      {state.problem !== undefined && <Problem text={state.problem} />}
      <p class="phase" role="status">
        {phaseWords(state)}
      </p>
      <div class="lanes">
        <SideLane side="careless" state={state} />
        <SideLane side="safe" state={state} />
      </div>
      {phase === "finished" && <Moral />}
    </>
  );
}

const roleWords = { service: "both order services", shipping: "both shippings" } as const;

const killable = ({ sides }: MessagesState) =>
  roleNames.map((name) => ({
    name,
    words: roleWords[name],
    isAlive: Object.values(sides).every(({ processes }) => processes?.[name].state === "alive"),
  }));

/** The settings of a run, which do not change while it runs. */
function MessagesSettingsForm({ state, isCutOff }: { state: MessagesState; isCutOff: boolean }) {
  const isFixed = isActive(state.phase);
  const of = (name: keyof typeof messagesBounds) => ({
    value: state.settings[name],
    ...messagesBounds[name],
    onChange: (value: number) => void messagesCommand("settings", { [name]: value }),
  });
  return (
    <fieldset class="settings messages-settings" disabled={isCutOff || isFixed}>
      <legend>The run{isFixed && <span class="quiet"> (reset to change)</span>}</legend>
      <NumberSetting label="Orders" {...of("orders")} />
      <NumberSetting label="At a time, each process" {...of("concurrency")} />
      <NumberSetting label="Seed: the same one, the same faults" {...of("seed")} />
      <div class="number-setting">
        <span aria-hidden="true">Meet a fault</span>
        <ShareSetting label="Meet a fault" of="the messages, confirmations and acknowledgements" {...of("faults")} />
      </div>
      <p class="quiet">
        On the way the order services are killed five times and the shippings four times, both sides at the same
        moments.
      </p>
    </fieldset>
  );
}

function Moral() {
  return (
    <section class="card moral" aria-labelledby="moral-title">
      <h2 id="moral-title">Why</h2>
      <p>
        Both pairs met the same faults and were killed at the same moments. The careless service saved an order, and
        then announced it: killed in between, it never announced it, and when a confirmation got lost it did so twice.
        Its shipping shipped what came, as often as it came.
      </p>
      <p>
        The safe service saved the message <strong>in the transaction of the order</strong>: its outbox has both or
        neither, and a relay publishes the row until the broker has confirmed it. Shipping’s inbox notes the message’s
        id <strong>in the transaction of the parcel</strong>, so what comes again is known.
      </p>
    </section>
  );
}
