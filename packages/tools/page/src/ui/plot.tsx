import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { theme } from "./theme-switch.tsx";

interface PlotProps {
  readonly data: uPlot.AlignedData;
  /** Everything but the size; asked again when the data's shape or the theme changes. `token` reads a colour. */
  readonly options: (token: (name: string) => string) => Omit<uPlot.Options, "width" | "height">;
  readonly height: number;
  /** The plot in words, for people who can't see it. */
  readonly label: string;
}

/** A plot that is as wide as its place. */
export function Plot({ data, options, height, label }: PlotProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const shape = data.length;
  useEffect(() => {
    const element = frame.current!;
    const styles = getComputedStyle(document.documentElement);
    const chosen = options((name) => styles.getPropertyValue(name).trim());
    plot.current = new uPlot({ ...chosen, width: element.clientWidth, height }, data, element);
    const sizes = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      plot.current?.destroy();
    };
  }, [theme.value, shape]);
  useEffect(() => plot.current?.setData(data), [data]);
  return <div ref={frame} role="img" aria-label={label} class="plot-frame" />;
}

/** An axis that stays in the background. */
export function quietAxis(token: (name: string) => string): uPlot.Axis {
  return { stroke: token("--muted"), grid: { stroke: token("--grid"), width: 1 }, ticks: { show: false } };
}
