/** Writes the tables of goals into their decision from bench/results/goals.json; `--check` compares. */
import { type GoalPart, goalParts, type JudgedGoals, savedGoals } from "../goals.ts";
import { goalsPage, markdownTable, updateSection } from "../page.ts";

const two = (figure: number): string => figure.toFixed(2);

/** A goal that is not reached stands out. */
const verdicts = { holds: "holds", missed: "**missed**", "can't tell": "can't tell" } as const;

/** Of more goals than this, those that hold are counted, and not shown. */
const shownMax = 40;

function goalTable(part: GoalPart, { judged, load, rounds, date, node, cores, cpu }: JudgedGoals): string {
  const head = ["goal", "at most", "measured", "from to", "verdict"];
  const shown = judged.length <= shownMax ? judged : judged.filter(({ verdict }) => verdict !== "holds");
  const ground = `${date}, Node ${node.replace("v", "")}, ${cores} cores (${cpu}), ${rounds} rounds, load average ${load}`;
  const command = `\`npm run bench:${part} -- --goals\`: ${ground}.`;
  if (shown.length === 0) return `${command}\n\nAll ${judged.length} hold.`;
  const others = shown.length === judged.length ? "" : `\n\nThe other ${judged.length - shown.length} hold.`;
  const rows = shown.map(({ title, goal, timesMax, times, from: [low, high], verdict }) => [
    `${title}: ${goal}`,
    two(timesMax),
    two(times),
    `${two(low)}-${two(high)}`,
    verdicts[verdict],
  ]);
  return `${command}\n\n${markdownTable(head, rows)}${others}`;
}

const saved = savedGoals();
const tables = goalParts.flatMap((part) => {
  const goals = saved[part];
  return goals === undefined ? [] : [goalTable(part, goals)];
});

updateSection("goals", tables.length === 0 ? "Not measured yet." : tables.join("\n\n"), goalsPage);
