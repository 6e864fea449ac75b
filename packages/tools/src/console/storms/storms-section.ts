import { OnceAgainError } from "once-again";
import { type StormOptions, type StormResult, stormSteps } from "../../simulator/index.ts";
import { type ConsoleResponse, type ConsoleRequest, refusal, type Section } from "../route.ts";
import { runToEnd } from "./run-to-end.ts";
import type { StormsResponse, StormsRequest } from "./storms-protocol.ts";

const stormsMax = 8;

/** The page waits for the answer. The command line has the larger ones. */
const callsMax = 200_000;

/** Simulates storms for the page. */
export function stormsSection(): Section {
  return { name: "storms", routes: { "POST run": run }, close: async () => undefined };
}

async function run({ body, signal }: ConsoleRequest): Promise<ConsoleResponse> {
  const { storms = [] } = (body ?? {}) as Partial<StormsRequest>;
  if (!Array.isArray(storms) || storms.length < 1 || storms.length > stormsMax) {
    return refusal(400, `Give 1 to ${stormsMax} storms.`);
  }
  if (storms.some((storm: StormOptions) => countCalls(storm) > callsMax)) {
    return refusal(400, `The page simulates ${callsMax} calls at the most; once-again storm has no such bound.`);
  }
  try {
    const results: StormResult[] = [];
    for (const storm of storms as readonly StormOptions[]) results.push(await runToEnd(stormSteps(storm), signal));
    return { json: { results } satisfies StormsResponse };
  } catch (error) {
    if (OnceAgainError.isInstance(error, "ONCE_OPTION_INVALID")) return refusal(400, error.message);
    throw error;
  }
}

/** About how many calls a storm has. */
function countCalls({ arrivals = { kind: "at-once", callers: 1000 }, durationMs = 120_000 }: StormOptions): number {
  switch (arrivals.kind) {
    case "at-once":
      return arrivals.callers;
    case "poisson":
      return (arrivals.perSecond * durationMs) / 1000;
    case "closed":
      return arrivals.callers * Math.max(1, durationMs / arrivals.thinkMs);
  }
}
