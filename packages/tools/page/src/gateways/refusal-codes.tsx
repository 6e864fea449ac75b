import type { RouteCounts } from "../../../src/console/gateways/gateways-protocol.ts";

/** Events that each have one error code. A failure of the service or of the store has one of several: metrics don't say which. */
const codes: readonly (readonly [event: string, code: string])[] = [
  ["in-progress", "ONCE_IN_PROGRESS"],
  ["mismatch", "ONCE_KEY_REUSED"],
  ["outcome-unknown", "ONCE_OUTCOME_UNKNOWN"],
];

/** With which codes a gateway refused requests since it started, each with the page that explains it. */
export function RefusalCodes({ counts }: { counts: Readonly<Record<string, RouteCounts>> }) {
  const refusals = codes
    .map(([event, code]) => ({
      code,
      count: Object.values(counts).reduce((sum, { events }) => sum + (events[event] ?? 0), 0),
    }))
    .filter(({ count }) => count > 0);
  if (refusals.length === 0) return null;
  return (
    <p class="quiet">
      Refused with{" "}
      {refusals.map(({ code, count }, at) => (
        <span key={code}>
          {at > 0 && ", "}
          <a class="mono" href={`https://unpkg.com/once-again@0/docs/errors/${code}.md`}>
            {code}
          </a>{" "}
          × {count.toLocaleString("en")}
        </span>
      ))}
    </p>
  );
}
