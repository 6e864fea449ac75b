import type { ComponentProps } from "preact";
import { useMemo } from "preact/hooks";
import type uPlot from "uplot";
import type { StoreSample } from "../../../src/console/keys/keys-protocol.ts";
import { Plot, quietAxis } from "../ui/plot.tsx";
import { Fact, Tile } from "../ui/tiles.tsx";
import { latest, samples, search, streamProblem } from "./keys-state.ts";

/** Counting stops there. */
const countMax = 1000;

/** How the store is, now and in the last quarter of an hour. */
export function StoreHealth() {
  const now = latest.value;
  const problem = streamProblem.value ?? (now && "problem" in now ? now.problem : undefined);
  return (
    <section class="health" aria-label="The store">
      <div class="card tile" role="status">
        <span class="quiet">Store</span>
        {problem === undefined ? (
          <strong class="good">{now === undefined ? "…" : "✓ answers"}</strong>
        ) : (
          <strong class="bad">✕ does not answer</strong>
        )}
        <span class="quiet">{problem ?? (now && "latencyMs" in now ? `in ${now.latencyMs.toFixed(1)} ms` : "")}</span>
      </div>
      <Tile
        name="Held"
        value={countOf(now, "held")}
        hint="wait for a person"
        action={() => void search({ scope: "", state: "abandoned" })}
      />
      <Tile
        name="Running"
        value={countOf(now, "running")}
        hint="a worker owns them"
        action={() => void search({ scope: "", state: "running" })}
      />
      {now && "replays" in now && (
        <Fact name="Replays" value={String(replaysPerMinute(samples.value))} hint="answered from memory, per minute" />
      )}
      <div class="card plot">
        <LatencyPlot />
      </div>
    </section>
  );
}

const minuteMs = 60_000;

/** Of the last minute; a run that began anew counts from nothing. */
function replaysPerMinute(all: readonly StoreSample[]): number {
  const counted = all.flatMap((sample) => ("replays" in sample && sample.replays !== undefined ? [sample] : []));
  const last = counted.at(-1);
  const first = counted.find(({ at }) => at >= (last?.at ?? 0) - minuteMs);
  return last === undefined ? 0 : Math.max(0, last.replays! - Math.min(first!.replays!, last.replays!));
}

function countOf(sample: StoreSample | undefined, name: "held" | "running"): string {
  if (sample === undefined || "problem" in sample) return "–";
  return sample[name] < countMax ? String(sample[name]) : "1,000+";
}

/** How long the store took to answer. */
function LatencyPlot() {
  const data = useMemo(() => plotData(samples.value), [samples.value]);
  return (
    <figure>
      <figcaption class="quiet">Time to answer, milliseconds, last 15 minutes</figcaption>
      <Plot data={data} options={plotOptions} height={110} label={spokenLatency(samples.value)} />
    </figure>
  );
}

const plotOptions: ComponentProps<typeof Plot>["options"] = (token) => ({
  legend: { show: false },
  cursor: { y: false },
  axes: [
    { ...quietAxis(token), size: 24, space: 90, values: (_plot, times) => times.map(clockTime) },
    { ...quietAxis(token), size: 44, space: 28 },
  ],
  scales: {
    // A minute at least.
    x: { range: (_plot, min, max) => [Math.min(min, max - 60), max] },
    y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.15)] },
  },
  series: [{}, { label: "ms", stroke: token("--series-1"), width: 2, points: { show: false } }],
});

const clockTime = (seconds: number): string => new Date(seconds * 1000).toLocaleTimeString();

function plotData(all: readonly StoreSample[]): uPlot.AlignedData {
  return [all.map(({ at }) => at / 1000), all.map((sample) => ("problem" in sample ? null : sample.latencyMs))];
}

function spokenLatency(all: readonly StoreSample[]): string {
  const times = all.flatMap((sample) => ("problem" in sample ? [] : [sample.latencyMs]));
  if (times.length === 0) return "The store has not answered yet.";
  const failures = all.length - times.length;
  return `Between ${Math.min(...times).toFixed(1)} and ${Math.max(...times).toFixed(1)} milliseconds; ${failures} of ${all.length} asked in vain.`;
}
