import { useEffect, useRef } from "preact/hooks";
import type { StormResult } from "../../../src/simulator/index.ts";
import { formatNumber, formatSeconds } from "../../../src/console/storms/format.ts";
import { theme } from "../ui/theme-switch.tsx";
import { colourOf } from "./series.ts";
import { results } from "./storms-state.ts";

/** When the callers came: a dot an attempt, a row a caller. A herd is a column of dots. */
export function HerdPlots() {
  const untilMs = Math.max(...results.value.map(({ herd }) => lastOf(herd)));
  return (
    <figure class="card">
      <figcaption>
        <h2>The herd</h2>
        <p class="quiet">
          Each dot is an attempt, each row a caller (up to 1,000 of them), from left to right {formatSeconds(untilMs)}.
          Faint dots are first attempts. A column of dots is a herd: they all come back in the same moment.
        </p>
      </figcaption>
      <div class="herds">
        {results.value.map((result, index) => (
          <Herd key={result.name} result={result} colour={colourOf(index)} untilMs={untilMs} />
        ))}
      </div>
    </figure>
  );
}

const height = 180;

function Herd({ result, colour, untilMs }: { result: StormResult; colour: string; untilMs: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current!;
    const draw = (): void => drawHerd(element, result.herd, colour, untilMs);
    const sizes = new ResizeObserver(draw);
    sizes.observe(element);
    return () => sizes.disconnect();
  }, [result, colour, untilMs, theme.value]);
  return (
    <div>
      <h3>{result.name}</h3>
      <canvas ref={canvas} role="img" aria-label={spoken(result)} />
    </div>
  );
}

function drawHerd(canvas: HTMLCanvasElement, herd: StormResult["herd"], colour: string, untilMs: number): void {
  const scale = devicePixelRatio;
  const width = canvas.clientWidth;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const context = canvas.getContext("2d")!;
  const styles = getComputedStyle(document.documentElement);
  context.scale(scale, scale);
  context.clearRect(0, 0, width, height);
  const dot = 1.6;
  for (const [index, atMs] of herd.atMs.entries()) {
    const isFirst = herd.attempt[index] === 1;
    context.fillStyle = styles.getPropertyValue(isFirst ? "--line" : colour);
    const x = (atMs / Math.max(1, untilMs)) * (width - dot);
    const y = (herd.caller[index]! / Math.max(1, herd.callers)) * (height - dot);
    context.fillRect(x, y, dot, dot);
  }
}

const lastOf = ({ atMs }: StormResult["herd"]): number => atMs.reduce((last, at) => Math.max(last, at), 0);

/** How dense the herd was when it could do harm: the most retries within a tenth of a second, after the outage. */
function spoken({ name, herd, settings }: StormResult): string {
  const endMs = Math.max(0, ...settings.outages.map(({ toMs }) => toMs));
  const tenths = new Map<number, number>();
  for (const [index, atMs] of herd.atMs.entries()) {
    if (herd.attempt[index] === 1 || atMs < endMs) continue;
    const tenth = Math.floor(atMs / 100);
    tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
  }
  const most = Math.max(0, ...tenths.values());
  return `${name}: of ${formatNumber(herd.callers)} callers, up to ${formatNumber(most)} tried again within the same tenth of a second after the outage.`;
}
