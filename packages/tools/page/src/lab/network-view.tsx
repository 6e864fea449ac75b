import { useEffect, useRef } from "preact/hooks";
import type { CallerName } from "../../../src/lab/caller-name.ts";
import { theme } from "../ui/theme-switch.tsx";
import { paintFlights } from "./paint-flights.ts";
import { flightsOf } from "./sky.ts";

const isStill = matchMedia("(prefers-reduced-motion: reduce)");

/** Draws the requests of one caller between it and the API. The words beside it say the same. */
export function NetworkView({ caller, isStory }: { caller: CallerName; isStory: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const colours = theme.value;
  useEffect(() => {
    const element = canvas.current!;
    let frame = 0;
    const paint = (): void => {
      const now = performance.now();
      paintFlights(element, flightsOf(caller, now), { now, isStory, isStill: isStill.matches });
      frame = requestAnimationFrame(paint);
    };
    paint();
    return () => cancelAnimationFrame(frame);
  }, [caller, isStory, colours]);
  return (
    <canvas
      ref={canvas}
      class="network-canvas"
      role="img"
      aria-label={`Requests between the ${caller} caller and the API. The list below says the same in words.`}
    />
  );
}
