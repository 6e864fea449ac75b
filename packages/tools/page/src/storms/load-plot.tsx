import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type uPlot from "uplot";
import type { StormResult } from "../../../src/simulator/index.ts";
import { formatNumber, findPeak, formatSeconds } from "../../../src/console/storms/format.ts";
import { Plot, quietAxis } from "../ui/plot.tsx";
import { colourOf } from "./series.ts";
import { results } from "./storms-state.ts";

const views = {
  attemptsPerSecond: "Requests per second",
  goodputPerSecond: "Successes per second",
  queue: "Requests in the queue",
} as const;

type View = keyof typeof views;

/** One curve a policy: what reaches the service, what of it is of use, and what waits. */
export function LoadPlot() {
  const view = useSignal<View>("attemptsPerSecond");
  const shown = results.value;
  const data = useMemo(() => curves(shown, view.value), [shown, view.value]);
  const { capacity, outages } = worldOf(shown[0]!);
  return (
    <figure class="card">
      <figcaption class="row">
        <h2>{views[view.value]}</h2>
        <span class="views" role="radiogroup" aria-label="What is drawn">
          {(Object.keys(views) as View[]).map((name) => (
            <label key={name}>
              <input type="radio" name="view" checked={view.value === name} onChange={() => (view.value = name)} />{" "}
              {views[name]}
            </label>
          ))}
        </span>
      </figcaption>
      <Plot
        key={shown.map(({ name }) => name).join("\n") + JSON.stringify(outages)}
        data={data}
        height={300}
        label={spoken(shown, view.value)}
        options={(token) => ({
          legend: { live: false },
          cursor: { y: false },
          axes: [
            { ...quietAxis(token), values: (_plot, values) => values.map((value) => `${value} s`) },
            { ...quietAxis(token), size: 64, values: (_plot, values) => values.map((value) => formatNumber(value)) },
          ],
          scales: { x: { time: false }, y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.05)] } },
          series: [
            { label: "Time" },
            ...shown.map(({ name }, index) => ({
              label: name,
              stroke: token(colourOf(index)),
              width: 2,
              points: { show: false },
            })),
          ],
          hooks: { drawClear: [(plot: uPlot) => drawOutages(plot, outages, token("--bad-wash"))] },
        })}
      />
      <p class="quiet">
        The shaded time is the outage. The service bears {formatNumber(capacity)} requests per second.
      </p>
    </figure>
  );
}

function worldOf({ settings }: StormResult) {
  const { workers, serviceMs } = settings.services.at(-1)!;
  return { capacity: (workers * 1000) / serviceMs, outages: settings.outages };
}

function curves(shown: readonly StormResult[], view: View): uPlot.AlignedData {
  const stepMs = shown[0]!.load.stepMs;
  const steps = Math.max(...shown.map(({ load }) => load[view].length));
  const times = Array.from({ length: steps }, (_, step) => (step * stepMs) / 1000);
  return [times, ...shown.map(({ load }) => times.map((_, step) => load[view][step] ?? null))];
}

function drawOutages(plot: uPlot, outages: StormResult["settings"]["outages"], colour: string): void {
  const { ctx: context, bbox: box } = plot;
  context.save();
  context.fillStyle = colour;
  for (const { fromMs, toMs } of outages) {
    const left = Math.max(box.left, plot.valToPos(fromMs / 1000, "x", true));
    const right = Math.min(box.left + box.width, plot.valToPos(toMs / 1000, "x", true));
    context.fillRect(left, box.top, Math.max(0, right - left), box.height);
  }
  context.restore();
}

function spoken(shown: readonly StormResult[], view: View): string {
  const peaks = shown.map(({ name, load }) => {
    const most = findPeak(load[view]);
    return `${name}: up to ${formatNumber(most)}, at ${formatSeconds(load[view].indexOf(most) * load.stepMs)}`;
  });
  return `${views[view]}. ${peaks.join("; ")}.`;
}
