import { describe, expect, test } from "vitest";
import { explorations } from "./explorations.ts";
import { findingOf, findingText } from "./report.ts";

describe.for(explorations)("two deliveries, $name", (configuration) => {
  const finding = findingOf(configuration, configuration.run(2));

  test(`are ${configuration.expected === "clean" ? "clean" : `found to break ${configuration.expected}`}`, () => {
    expect(finding.verdict, findingText(finding)).toBe(configuration.expected);
  });

  test("tell their story step by step, if there is one", () => {
    const text = findingText(finding);
    expect(finding.counterexample === undefined).toBe(configuration.expected === "clean");
    for (const [index, say] of (finding.counterexample?.story ?? []).entries())
      expect(text).toContain(`${index + 1}. ${say}`);
  });
});
