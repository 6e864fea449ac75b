import { useEffect } from "preact/hooks";
import { NumberSetting } from "../../lab/settings.tsx";
import { Problem } from "../../ui/problem.tsx";
import { effectPlaces } from "../page-api.ts";
import { CrashLane } from "./crash-lane.tsx";
import { type CrashSettings, crashKinds } from "./crash-settings.ts";
import { crashProblem, crashResults, crashSettings, followCrash } from "./crash-state.ts";
import { CrashTrack } from "./crash-track.tsx";
import { crashWords, effectWords, settingsWords, verdictOf, callerWords } from "./crash-words.ts";
import "./crash.css";

const change = (part: Partial<CrashSettings>): void => void (crashSettings.value = { ...crashSettings.value, ...part });

/** One order, three callers, and a crash between two steps. */
export function CrashPage() {
  useEffect(followCrash, []);
  const settings = crashSettings.value;
  const shown = crashResults.value;
  return (
    <div class="crash">
      <h1>Put the crash where it hurts</h1>
      <p class="lead">
        One order, three callers, and one crash that you move between two steps. The server runs once-again’s engine and
        memory store in this page, and the ledger is read when all is over. Only the network and the clock are
        simulated.
      </p>
      <section class="card crash-settings" aria-label="The crash">
        <CrashTrack at={settings.at} onChange={(at) => change({ at })} />
        <Choices settings={settings} />
      </section>
      {crashProblem.value !== undefined && <Problem text={crashProblem.value} />}
      <p class="phase" role="status">
        {shown !== undefined && (
          <>
            {settingsWords(shown.settings)}
            <span class="unseen">
              {shown.results
                .map((result) => ` ${callerWords[result.caller].title}: ${verdictOf(result).text}.`)
                .join("")}
            </span>
          </>
        )}
      </p>
      <div class="crash-lanes">
        {shown?.results.map((result) => (
          <CrashLane key={result.caller} result={result} effect={shown.settings.effect} />
        ))}
      </div>
      <p class="quiet">
        The address of this page has the crash: send it to a colleague.{" "}
        <a href="../guides/unknown-outcomes.html">Unknown outcomes</a> and{" "}
        <a href="../guides/transactions.html">transactions</a> say which mode is yours.
      </p>
    </div>
  );
}

/** The kind of the crash, and the place of the charge. */
function Choices({ settings }: { readonly settings: CrashSettings }) {
  return (
    <div class="crash-choices">
      <fieldset>
        <legend>The crash</legend>
        {crashKinds.map((name) => (
          <label key={name} class="choice">
            <input
              type="radio"
              name="crash"
              checked={settings.crash === name}
              onChange={() => change({ crash: name })}
            />
            <span>{crashWords[name]}</span>
          </label>
        ))}
        <NumberSetting
          label="Seed of the waits"
          value={settings.seed}
          min={0}
          max={Number.MAX_SAFE_INTEGER}
          onChange={(seed) => change({ seed })}
        />
      </fieldset>
      <fieldset>
        <legend>Where the card is charged</legend>
        {effectPlaces.map((name) => (
          <label key={name} class="choice">
            <input
              type="radio"
              name="effect"
              checked={settings.effect === name}
              onChange={() => change({ effect: name })}
            />
            <span>
              {effectWords[name].title}
              <small>{effectWords[name].means}</small>
            </span>
          </label>
        ))}
      </fieldset>
    </div>
  );
}
