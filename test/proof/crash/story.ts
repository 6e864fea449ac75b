import type { Evidence } from "./evidence.ts";

/** The story of one order, line by line, from what the run left behind. */
export function storyOf({ api, callers, deaths, pauses }: Evidence, order: string): string[] {
  const own = [...api, ...callers].filter((entry) => entry.order === order);
  const lives = new Set(own.map(({ life }) => life));
  const lines = [
    ...own.map(({ at, life, event, ...rest }) => {
      const attempt = "attempt" in rest ? ` attempt ${rest.attempt.slice(0, 8)}` : "";
      const framework = "framework" in rest ? ` by ${rest.framework}` : "";
      const status = "status" in rest ? ` with ${rest.status}` : "";
      const text = "text" in rest ? ` "${rest.text}"` : "";
      return { at, life, what: `${event}${attempt}${framework}${status}${text}` };
    }),
    ...deaths.map(({ at, life }) => ({ at, life, what: "killed" })),
    ...pauses.flatMap(({ life, from, until }) => [
      { at: from, life, what: "stopped" },
      { at: until, life, what: "goes on" },
    ]),
  ];
  const startedAt = Math.min(...own.map(({ at }) => at));
  return lines
    .filter(({ at, life }) => lives.has(life) && at >= startedAt)
    .sort((one, other) => one.at - other.at)
    .map(({ at, life, what }) => `${String(at - startedAt).padStart(7)} ms  ${life} ${what}`);
}
