import { Fact } from "../ui/tiles.tsx";
import { span } from "../ui/time-words.ts";
import { latest, streamProblem } from "./messages-state.ts";

/** Counting stops there. */
const countMax = 10_000;

/** How the outbox is now. */
export function BacklogTiles() {
  const now = latest.value;
  const problem = streamProblem.value ?? (now && "problem" in now ? now.problem : undefined);
  const backlog = now === undefined || "problem" in now ? undefined : now;
  return (
    <section class="health" aria-label="The outbox">
      <div class="card tile" role="status">
        <span class="quiet">Outbox</span>
        {problem === undefined ? (
          <strong class="good">{now === undefined ? "…" : "✓ answers"}</strong>
        ) : (
          <strong class="bad">✕ does not answer</strong>
        )}
        <span class="quiet">{problem ?? (backlog && `in ${backlog.latencyMs.toFixed(1)} ms`) ?? ""}</span>
      </div>
      <Fact name="Waiting" value={countText(backlog?.messages)} hint="not published yet, all of them" />
      <Fact name="Not confirmed" value={countText(backlog?.unconfirmed)} hint={placesText(backlog?.places)} />
      <Fact name="Parked" value={countText(backlog?.parked)} hint="wait for a person" />
      <Fact name="Oldest" value={ageText(backlog?.oldestMs)} hint="for how long the oldest waits that is not parked" />
    </section>
  );
}

function placesText(places: number | undefined): string {
  if (places === undefined || places === 0) return "tried, and tried again by themselves";
  return `tried again by themselves, at ${countText(places)} ${places === 1 ? "place" : "places"}`;
}

function countText(count: number | undefined): string {
  if (count === undefined) return "–";
  return count < countMax ? String(count) : "10,000+";
}

function ageText(ms: number | null | undefined): string {
  if (ms === undefined) return "–";
  return ms === null ? "none" : span(ms);
}
