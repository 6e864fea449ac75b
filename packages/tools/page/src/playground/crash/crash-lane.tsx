import type { EffectPlace } from "../page-api.ts";
import type { CrashResult } from "./crash-settings.ts";
import { callerWords, eventWords, verdictOf } from "./crash-words.ts";

/** The events of one caller's order, and its verdict. */
export function CrashLane({ result, effect }: { readonly result: CrashResult; readonly effect: EffectPlace }) {
  const { title, rule } = callerWords[result.caller];
  const { text, why, tone } = verdictOf(result);
  return (
    <section class="card crash-lane" aria-labelledby={`${result.caller}-title`} data-caller={result.caller}>
      <h2 id={`${result.caller}-title`}>{title}</h2>
      <p class="rule">{rule}</p>
      <p class={`crash-verdict tone-${tone}`}>{text}</p>
      <p class="why">{why}</p>
      <ol>
        {result.events.map(({ atMs, what }, index) => {
          const words = eventWords(what, effect, result.caller);
          return (
            <li key={index} class={`tone-${words.tone}`}>
              <span class="time">{(atMs / 1000).toFixed(2)} s</span>
              <span>{words.text}</span>
            </li>
          );
        })}
      </ol>
      <p class="quiet">
        In the ledger: {result.charges} {result.charges === 1 ? "charge" : "charges"} of 5.00 EUR.
      </p>
    </section>
  );
}
