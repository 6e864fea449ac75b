import { useEffect } from "preact/hooks";
import { mayChange } from "../session.ts";
import { Problem } from "../ui/problem.tsx";
import { TokenNote } from "../ui/token-note.tsx";
import { HerdPlots } from "./herd-plots.tsx";
import { LoadPlot } from "./load-plot.tsx";
import { OutcomeTable } from "./outcome-table.tsx";
import { PasteCode } from "./paste-code.tsx";
import { StormSettings } from "./storm-settings.tsx";
import { isRunning, lesson, problem, results, simulate } from "./storms-state.ts";
import "./storms.css";

/** Shows the use of backoff, jitter and budgets for a service that comes back from an outage. Simulating is work, so it takes the token. */
export function StormsPage() {
  return (
    <>
      <h1>Storms</h1>
      <p class="lead">
        A service stops for a while, and everybody tries again. Whether it comes back, and when, depends on how they
        wait. The callers here are simulated; how they wait is the library’s own code.
      </p>
      {mayChange.value ? <Simulation /> : <TokenNote to="simulate a storm" />}
    </>
  );
}

function Simulation() {
  useEffect(() => {
    if (results.value.length === 0) void simulate();
  }, []);
  return (
    <div class="storms">
      <StormSettings />
      <div class="results" aria-busy={isRunning.value}>
        {problem.value !== undefined && <Problem text={problem.value} retry={simulate} />}
        {results.value.length === 0 ? (
          <div class="card empty">{isRunning.value ? "Simulating…" : "Nothing simulated yet."}</div>
        ) : (
          <>
            <OutcomeTable />
            {lesson.value !== undefined && <p class="card">{lesson.value}</p>}
            <LoadPlot />
            <HerdPlots />
            <PasteCode />
          </>
        )}
      </div>
    </div>
  );
}
