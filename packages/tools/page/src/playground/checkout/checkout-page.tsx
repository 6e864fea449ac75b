import { useEffect } from "preact/hooks";
import { losses } from "../../../../src/lab/checkout/pay-events.ts";
import { buttonsWords, eventWords, lossWords, pageWords, verdictOf } from "../../lab/checkout/pay-words.ts";
import { Lane } from "../../lab/lane.tsx";
import { Ledger } from "../../lab/ledger.tsx";
import { chargeWords } from "../../lab/words.ts";
import { Problem } from "../../ui/problem.tsx";
import { RunStatus } from "../run-status.tsx";
import { RadioChoices, SeedSetting } from "../../lab/radio-choices.tsx";
import { type CheckoutResult, type CheckoutSettings, customers } from "./checkout-settings.ts";
import { checkoutRuns, checkoutSettings } from "./checkout-state.ts";
import { customerWords, settingsWords } from "./checkout-words.ts";
import "../play.css";

const change = (part: Partial<CheckoutSettings>): void =>
  void (checkoutSettings.value = { ...checkoutSettings.value, ...part });

/** One customer, two pages with a Pay button, and a network that loses an answer. */
export function CheckoutPage() {
  useEffect(checkoutRuns.follow, []);
  const shown = checkoutRuns.shown.value;
  const problem = checkoutRuns.problem.value;
  return (
    <div class="play">
      <h1>Press Pay, and lose the answer</h1>
      <p class="lead">
        One order, two pages, and a customer who runs out of patience. The safe page has once-again’s intents in your
        browser’s own IndexedDB, and the server runs the engine in this page. Only the network, the clock, the tabs and
        the customer are simulated.
      </p>
      <section class="card play-settings" aria-label="The payment">
        <Choices settings={checkoutSettings.value} />
      </section>
      {problem !== undefined && <Problem text={problem} />}
      <RunStatus
        settings={shown && settingsWords(shown.settings)}
        verdicts={(shown?.results ?? []).map((result) => ({
          title: pageWords[result.page].title,
          text: verdictOf(result).text,
        }))}
      />
      <div class="play-lanes are-two">
        {shown?.results.map((result) => (
          <PageLane key={result.page} result={result} />
        ))}
      </div>
      <p class="quiet">
        The address of this page has the choice and the seed: send it to a colleague.{" "}
        <a href="../guides/browser.html">In the browser</a> has the code of the safe page.
      </p>
    </div>
  );
}

/** The choices: the customer, and the loss. */
function Choices({ settings }: { readonly settings: CheckoutSettings }) {
  return (
    <div class="play-choices">
      <RadioChoices
        legend="The network loses"
        group="lost"
        names={losses}
        value={settings.lost}
        words={lossWords}
        onChange={(lost) => change({ lost })}
      >
        <SeedSetting label="Seed of the pauses" seed={settings.seed} onChange={(seed) => change({ seed })} />
      </RadioChoices>
      <RadioChoices
        legend="No answer comes, and the customer"
        group="customer"
        names={customers}
        value={settings.customer}
        words={customerWords}
        onChange={(customer) => change({ customer })}
      />
    </div>
  );
}

/** The order with one page: its events, and the ledger. */
function PageLane({ result }: { readonly result: CheckoutResult }) {
  const { page, events, ledger, buttons } = result;
  return (
    <Lane
      name={page}
      {...pageWords[page]}
      verdict={verdictOf(result)}
      events={events.map((event) => ({ atMs: event.atMs, ...eventWords(event, page, buttons.length > 1) }))}
    >
      <p class="quiet">{buttonsWords(buttons)}</p>
      <Ledger
        caller={page}
        rows={ledger.map(({ orderId, amount, currency }, index) => ({
          id: index + 1,
          order: Number(orderId.replace("order-", "")),
          amount,
          currency,
          isRepeat: index > 0,
        }))}
        total={ledger.length}
        words={chargeWords}
      />
    </Lane>
  );
}
