import type { CallerName } from "../../../../src/lab/caller-name.ts";
import type { CheckoutState } from "../../../../src/lab/checkout/checkout-protocol.ts";
import { losses } from "../../../../src/lab/checkout/pay-events.ts";
import { mayChange } from "../../session.ts";
import { RadioChoices } from "../radio-choices.tsx";
import { Problem } from "../../ui/problem.tsx";
import { Lane } from "../lane.tsx";
import { Ledger } from "../ledger.tsx";
import { streamProblem } from "../lab-live.ts";
import { isActive, RunControls } from "../run-controls.tsx";
import { Station } from "../station.tsx";
import { chargeWords, verdictOf as orderVerdict } from "../words.ts";
import { checkoutCommand } from "./checkout-live.ts";
import { buttonWords, eventWords, lossWords, pageWords, verdictOf } from "./pay-words.ts";

/** One order, paid carelessly and with an intent, in browsers that are killed. */
export function CheckoutStory({ state }: { state: CheckoutState }) {
  const isCutOff = streamProblem.value !== undefined;
  const { phase, settings } = state;
  return (
    <>
      <section class="card controls" aria-label="Controls">
        <RunControls phase={phase} speed={settings.speed} isSpeedFixed isCutOff={isCutOff} command={checkoutCommand} />
        {mayChange.value && (
          <RadioChoices
            class="checkout-loss"
            legend="The network loses"
            group="lost"
            names={losses}
            value={settings.lost}
            words={lossWords}
            isDisabled={isCutOff || isActive(phase)}
            onChange={(lost) => void checkoutCommand("settings", { lost })}
          />
        )}
      </section>
      {state.problem !== undefined && <Problem text={state.problem} />}
      <p class="phase" role="status">
        {phaseWords(state)}
      </p>
      <div class="play-lanes are-two">
        <PageLane side="careless" state={state} />
        <PageLane side="safe" state={state} />
      </div>
      {phase === "finished" && <Moral isChargedTwice={state.sides.careless.ledger.length > 1} />}
    </>
  );
}

/** The order with one page: its browser, its events, and the ledger. */
function PageLane({ side, state }: { side: CallerName; state: CheckoutState }) {
  const { events, ledger, button, browser } = state.sides[side];
  const isOver = state.phase === "finished";
  const verdict = isOver
    ? verdictOf({ page: side, ledger, events })
    : { ...orderVerdict({ state: "on-its-way", charges: ledger.length }), why: "" };
  return (
    <Lane
      name={side}
      {...pageWords[side]}
      verdict={events.length === 0 ? { ...verdict, text: "Not paid yet" } : verdict}
      events={events.map((event) => ({ atMs: event.atMs, ...eventWords(event, side, false) }))}
      head={<Station name="Browser" process={browser} />}
    >
      <p class="quiet">The button says “{buttonWords[events.length === 0 ? "pay" : button]}”.</p>
      <Ledger caller={side} rows={ledger} total={ledger.length} words={chargeWords} />
    </Lane>
  );
}

/** Where a run stands. */
function phaseWords({ phase, sides }: CheckoutState): string {
  switch (phase) {
    case "idle":
      return "Ready to pay one order.";
    case "starting":
      return "Starting the shop’s API and both browsers…";
    case "running":
      return "The order is being paid.";
    case "paused":
      return "Paused. What is on its way still arrives; the customers wait.";
    case "failed":
      return "The run ended early.";
    case "finished":
      return `Finished. Charges: careless ${sides.careless.ledger.length}, safe ${sides.safe.ledger.length}.`;
  }
}

/** By what has become of the run: its settings may be those of the next one by now. */
function Moral({ isChargedTwice }: { isChargedTwice: boolean }) {
  return (
    <section class="card moral" aria-labelledby="moral-title">
      <h2 id="moral-title">Why</h2>
      <p>
        Both browsers died after the payment was sent and before its answer came. The careless page had nothing on disk:
        it offered to pay, and the customer did. The safe page had stored an <strong>intent</strong> with its key before
        it sent anything. It found it, and sent the same payment with that key.{" "}
        {isChargedTwice
          ? "It got the answer that the shop had stored, and the careless customer paid twice."
          : "The first payment had not reached the shop, so each customer paid once. The careless page can’t tell this from a lost answer."}
      </p>
      <p class="quiet">
        <code>once-again lab --story checkout</code> does the same with a thousand customers.
      </p>
    </section>
  );
}
