import { checkedChoice, checkedNumber, invalidOption } from "once-again/options";
import { bounds, legMs, type LiveSettings, liveScenarios, rateMax, type Speed } from "./live-protocol.ts";

const speeds = Object.keys(legMs) as Speed[];

/** What a live lab begins with. */
export const liveDefaults: LiveSettings = {
  mode: "story",
  orders: 1000,
  seed: 1,
  concurrency: 8,
  speed: "slow",
  faults: {
    "lose-request": { isOn: true, rate: 0.1 },
    fail: { isOn: true, rate: 0.1 },
    "lose-answer": { isOn: true, rate: 0.1 },
  },
};

/** The settings that a run keeps to its end. */
const fixedNames = ["mode", "orders", "seed", "concurrency"] as const;

/**
 * The settings with some of them changed.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for one that is unknown or out of bounds.
 */
export function changedSettings(settings: LiveSettings, change: unknown): LiveSettings {
  if (typeof change !== "object" || change === null) throw invalidOption("settings", "an object", change);
  const unknown = Object.keys(change).find((name) => !(name in settings));
  if (unknown !== undefined) throw invalidOption("settings", `of ${Object.keys(settings).join(", ")}`, unknown);
  const wanted = { ...settings, ...change };
  return {
    mode: checkedChoice("mode", wanted.mode, ["story", "crowd"]),
    orders: checkedNumber("orders", wanted.orders, { ...bounds.orders, integer: true }),
    seed: checkedNumber("seed", wanted.seed, { ...bounds.seed, integer: true }),
    concurrency: checkedNumber("concurrency", wanted.concurrency, { ...bounds.concurrency, integer: true }),
    speed: checkedChoice("speed", wanted.speed, speeds),
    faults: changedFaults(settings.faults, wanted.faults),
  };
}

function changedFaults(faults: LiveSettings["faults"], change: Partial<LiveSettings["faults"]>) {
  const entries = liveScenarios.map((scenario) => {
    const { isOn, rate } = { ...faults[scenario], ...change[scenario] };
    return [
      scenario,
      {
        isOn: checkedChoice(`${scenario}.isOn`, Number(isOn), [0, 1]) === 1,
        rate: checkedNumber(`${scenario}.rate`, rate, { min: 0, max: rateMax }),
      },
    ];
  });
  return Object.fromEntries(entries) as LiveSettings["faults"];
}

/** Whether a run of the one can go on with the other. */
export function isSameRun(one: LiveSettings, other: LiveSettings): boolean {
  return fixedNames.every((name) => one[name] === other[name]);
}
