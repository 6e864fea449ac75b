import type { ComponentProps } from "preact";
import { useMemo } from "preact/hooks";
import type { StoreSample } from "../../../src/console/keys/keys-protocol.ts";
import { Plot, quietAxis } from "../ui/plot.tsx";
import { Fact, Tile } from "../ui/tiles.tsx";
import { span } from "../ui/time-words.ts";
import { latencyPoints } from "./latency-points.ts";
import { latest, samples, search, streamProblem } from "./keys-state.ts";

/** Counting stops there. */
const countMax = 1000;

/** The store at present: its held keys first. */
export function StoreTiles() {
  const now = latest.value;
  const problem = streamProblem.value ?? (now && "problem" in now ? now.problem : undefined);
  return (
    <section class="health" aria-label="The store">
      <Tile
        name="Held"
        value={countOf(now, "held")}
        hint={heldHint(now)}
        isWarning={now !== undefined && "held" in now && now.held > 0}
        action={() => void search({ scope: "", key: "", state: "held" })}
      />
      <Tile
        name="Running"
        value={countOf(now, "running")}
        hint="at work now"
        action={() => void search({ scope: "", key: "", state: "running" })}
      />
      <div class="card tile" role="status">
        <span class="quiet">Store</span>
        {problem === undefined ? (
          <strong class="good">{now === undefined ? "…" : "✓ responds"}</strong>
        ) : (
          <strong class="bad">✕ does not respond</strong>
        )}
        <span class="quiet">{problem ?? (now && "latencyMs" in now ? `in ${now.latencyMs.toFixed(1)} ms` : "")}</span>
      </div>
      {now && "replays" in now && (
        <Fact name="Replays" value={String(replaysPerMinute(samples.value))} hint="repeated responses, per minute" />
      )}
    </section>
  );
}

/** How the store was in the last quarter of an hour. */
export function StoreLatency() {
  return (
    <section class="card latency" aria-label="The store's response time">
      <LatencyPlot />
    </section>
  );
}

function heldHint(now: StoreSample | undefined): string {
  if (now === undefined) return "";
  if ("problem" in now) return "not known";
  if (now.heldSince === undefined) return "none to settle";
  return `the oldest for ${span(Math.max(0, now.at - now.heldSince))}`;
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
  const data = useMemo(() => latencyPoints(samples.value), [samples.value]);
  return (
    <figure>
      <figcaption class="quiet">Response time of the store, milliseconds; the last 15 minutes, UTC</figcaption>
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
    x: { range: (_plot, _min, max) => [max - 900, max] },
    y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.15)] },
  },
  series: [{}, { label: "ms", stroke: token("--series-1"), width: 2, points: { show: false } }],
});

const clockTime = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 19);

function spokenLatency(all: readonly StoreSample[]): string {
  const times = all.flatMap((sample) => ("problem" in sample ? [] : [sample.latencyMs]));
  if (times.length === 0) return "The store has not responded yet.";
  const failures = all.length - times.length;
  return `Between ${Math.min(...times).toFixed(1)} and ${Math.max(...times).toFixed(1)} milliseconds; ${failures} of ${all.length} requests failed.`;
}
