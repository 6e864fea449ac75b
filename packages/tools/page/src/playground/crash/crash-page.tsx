import { useEffect } from "preact/hooks";
import { Problem } from "../../ui/problem.tsx";
import { RunStatus } from "../run-status.tsx";
import { effectPlaces } from "../page-api.ts";
import { RadioChoices, SeedSetting } from "../../lab/radio-choices.tsx";
import { CrashLane } from "./crash-lane.tsx";
import { type CrashSettings, crashKinds } from "./crash-settings.ts";
import { crashRuns, crashSettings } from "./crash-state.ts";
import { CrashTrack } from "./crash-track.tsx";
import { crashWords, effectWords, settingsWords, verdictOf, callerWords } from "./crash-words.ts";
import "../play.css";
import "./crash.css";

const change = (part: Partial<CrashSettings>): void => void (crashSettings.value = { ...crashSettings.value, ...part });

/** One order, three callers, and a crash between two steps. */
export function CrashPage() {
  useEffect(crashRuns.follow, []);
  const settings = crashSettings.value;
  const shown = crashRuns.shown.value;
  return (
    <div class="play">
      <h1>Put the crash where it hurts</h1>
      <p class="lead">
        One order, three callers, and one crash that you move between two steps. The server runs once-again’s engine and
        memory store in this page, and the ledger is read when all is over. Only the network and the clock are
        simulated.
      </p>
      <section class="card play-settings" aria-label="The crash">
        <CrashTrack at={settings.at} onChange={(at) => change({ at })} />
        <Choices settings={settings} />
      </section>
      {crashRuns.problem.value !== undefined && <Problem text={crashRuns.problem.value} />}
      <RunStatus
        settings={shown && settingsWords(shown.settings)}
        verdicts={(shown?.results ?? []).map((result) => ({
          title: callerWords[result.caller].title,
          text: verdictOf(result).text,
        }))}
      />
      <div class="play-lanes">
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
    <div class="play-choices">
      <RadioChoices
        legend="The crash"
        group="crash"
        names={crashKinds}
        value={settings.crash}
        words={crashWords}
        onChange={(crash) => change({ crash })}
      >
        <SeedSetting label="Seed of the waits" seed={settings.seed} onChange={(seed) => change({ seed })} />
      </RadioChoices>
      <RadioChoices
        legend="Where the card is charged"
        group="effect"
        names={effectPlaces}
        value={settings.effect}
        words={effectWords}
        onChange={(effect) => change({ effect })}
      />
    </div>
  );
}
