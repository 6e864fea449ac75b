import type { Scenario } from "@once-again/testing";
import type { SideResult } from "./messages-result.ts";
import type { SideReport } from "./side-task.ts";

/** The reports of a side's processes, counted. */
export interface SideCounts {
  readonly saved: number;
  readonly publishes: SideResult["publishes"];
  readonly deliveries: SideResult["deliveries"];
}

export const noCounts: SideCounts = {
  saved: 0,
  publishes: { total: 0, pass: 0, "lose-request": 0, fail: 0, "lose-answer": 0 },
  deliveries: { total: 0, acknowledgementsLost: 0, repeats: 0 },
};

/** The counts after one more report. */
export function countReport(counts: SideCounts, report: SideReport): SideCounts {
  const { publishes, deliveries } = counts;
  switch (report.event) {
    case "saved":
      return { ...counts, saved: counts.saved + 1 };
    case "published":
      return { ...counts, publishes: plusOne(publishes, report.scenario) };
    case "shipped": {
      const repeats = deliveries.repeats + Number(report.isRepeat);
      return { ...counts, deliveries: { ...deliveries, total: deliveries.total + 1, repeats } };
    }
    case "acknowledged": {
      const acknowledgementsLost = deliveries.acknowledgementsLost + Number(report.isLost);
      return { ...counts, deliveries: { ...deliveries, acknowledgementsLost } };
    }
    case "left":
    case "done":
      return counts;
  }
}

function plusOne(publishes: SideResult["publishes"], scenario: Scenario): SideResult["publishes"] {
  return { ...publishes, total: publishes.total + 1, [scenario]: publishes[scenario] + 1 };
}
