import { simulateStorm } from "@once-again/tools/simulator";

for (const kind of ["none", "success"] as const) {
  const { name, recovery, amplification, wastedRatio } = simulateStorm({
    durationMs: 120_000,
    arrivals: { kind: "poisson", perSecond: 250 },
    services: [{ workers: 3, serviceMs: 10 }],
    outages: [{ fromMs: 30_000, toMs: 40_000, kind: "hold" }],
    policy: { attemptsMax: 4, budget: { kind } },
  });
  console.log(
    name,
    recovery,
    `${amplification.toFixed(2)} requests per call`,
    `${Math.round(100 * wastedRatio)}% wasted`,
  );
}
