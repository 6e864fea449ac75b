import { type Flight, type Spot, spotOf, stationOf } from "./flights.ts";
import { keyWords, markWords } from "./words.ts";

/** How to paint. */
export interface Painting {
  readonly now: number;
  /** One order, large and with words; otherwise many, as dots. */
  readonly isStory: boolean;
  /** Whether the person wants no motion. */
  readonly isStill: boolean;
}

/** Rows in which the dots of a crowd fly, by the order's number. */
const crowdRows = 7;

/** Paints the network of one caller as it is now. */
export function paintFlights(canvas: HTMLCanvasElement, flights: readonly Flight[], painting: Painting): void {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(canvas);
  const colour = (name: string): string => style.getPropertyValue(name);
  if (painting.isStory) paintTracks(context, { width, height }, colour);
  for (const flight of flights) {
    const spot = (painting.isStill ? stationOf : spotOf)(flight, painting.now);
    if (spot === undefined) continue;
    const row = painting.isStory
      ? spot.isReturning
        ? 0.7
        : 0.34
      : ((flight.view.order % crowdRows) + 1) / (crowdRows + 1);
    const radius = painting.isStory ? 9 : 5;
    const x = radius + 3 + spot.x * (width - 2 * radius - 6);
    paintDot(context, flight, spot, { x, y: row * height, radius, colour });
    if (painting.isStory) paintLabel(context, flight, spot, { x, y: row * height, width, colour });
  }
}

type Colour = (name: string) => string;

function paintTracks(context: CanvasRenderingContext2D, size: { width: number; height: number }, colour: Colour): void {
  context.strokeStyle = colour("--grid");
  context.lineWidth = 2;
  for (const [y, from, to] of [
    [0.34, 12, size.width - 12],
    [0.7, size.width - 12, 12],
  ] as const) {
    const tip = to > from ? -7 : 7;
    context.beginPath();
    context.moveTo(from, y * size.height);
    context.lineTo(to, y * size.height);
    context.moveTo(to + tip, y * size.height - 5);
    context.lineTo(to, y * size.height);
    context.lineTo(to + tip, y * size.height + 5);
    context.stroke();
  }
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly colour: Colour;
}

function paintDot(
  context: CanvasRenderingContext2D,
  { view }: Flight,
  spot: Spot,
  { x, y, radius, colour }: Place & { radius: number },
): void {
  if (spot.isCut) {
    context.strokeStyle = colour("--bad");
    context.lineWidth = radius / 2.5;
    const arm = radius * 0.8;
    context.beginPath();
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x + arm, y - arm);
    context.lineTo(x - arm, y + arm);
    context.stroke();
    return;
  }
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = spot.isReturning ? colour(returnColour(view.mark)) : colour("--accent");
  context.fill();
  // A repeat has a ring around it; an answer is hollow, or full when it comes from memory.
  if (view.attempt > 1) {
    context.strokeStyle = colour("--ink");
    context.lineWidth = 1.5;
    context.stroke();
  }
  if (!spot.isReturning || view.mark === "replay") return;
  context.beginPath();
  context.arc(x, y, radius / 2.4, 0, 2 * Math.PI);
  context.fillStyle = colour("--surface");
  context.fill();
}

const returnColour = (mark: Flight["view"]["mark"]): string => (markWords[mark].tone === "good" ? "--good" : "--bad");

function paintLabel(
  context: CanvasRenderingContext2D,
  { view }: Flight,
  spot: Spot,
  { x, y, width, colour }: Place & { width: number },
): void {
  context.font = "13px system-ui, sans-serif";
  context.fillStyle = colour("--ink");
  const text = spot.isReturning || spot.isCut ? markWords[view.mark].text : requestText(view.attempt, view.key);
  // On a phone the canvas is narrower than the longest label, which is then set closer.
  const widthMax = width - 4;
  const textWidth = Math.min(context.measureText(text).width, widthMax);
  context.fillText(text, Math.min(Math.max(2, x - textWidth / 2), width - textWidth - 2), y - 15, widthMax);
}

function requestText(attempt: number, key: string | undefined): string {
  const what = attempt === 1 ? "the order" : "the order again";
  return key === undefined ? what : `${what} · key ${keyWords(key)}`;
}
