import { checkChoice, checkNumber } from "once-again/internal";
import { bounds, legMs, type LiveSettings, liveScenarios, rateMax, type Speed } from "./live-protocol.ts";
import { wantedSettings } from "./wanted-settings.ts";

const speeds = Object.keys(legMs) as Speed[];

/** The settings with which a live lab begins. */
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
export function changeSettings(settings: LiveSettings, change: unknown): LiveSettings {
  const wanted = wantedSettings(settings, change);
  return {
    mode: checkChoice("mode", wanted.mode, ["story", "crowd"]),
    orders: checkNumber("orders", wanted.orders, { ...bounds.orders, integer: true }),
    seed: checkNumber("seed", wanted.seed, { ...bounds.seed, integer: true }),
    concurrency: checkNumber("concurrency", wanted.concurrency, { ...bounds.concurrency, integer: true }),
    speed: checkChoice("speed", wanted.speed, speeds),
    faults: changeFaults(settings.faults, wanted.faults),
  };
}

function changeFaults(faults: LiveSettings["faults"], change: Partial<LiveSettings["faults"]>) {
  const entries = liveScenarios.map((scenario) => {
    const { isOn, rate } = { ...faults[scenario], ...change[scenario] };
    return [
      scenario,
      {
        isOn: checkChoice(`${scenario}.isOn`, Number(isOn), [0, 1]) === 1,
        rate: checkNumber(`${scenario}.rate`, rate, { min: 0, max: rateMax }),
      },
    ];
  });
  return Object.fromEntries(entries) as LiveSettings["faults"];
}

/** Whether a run of the one can go on with the other. */
export function isSameRun(one: LiveSettings, other: LiveSettings): boolean {
  return fixedNames.every((name) => one[name] === other[name]);
}
