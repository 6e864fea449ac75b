import { type Goal, type GoalResult, judgeGoal } from "../goals.ts";
import { type Framework, frameworks, isAgain, type Row, type StoreName } from "./catalog.ts";
import { groupsOf } from "./group.ts";
import type { ServerMeasured } from "./run.ts";
import type { FigureName } from "./subject.ts";

interface ServerGoal extends Goal<FigureName> {
  readonly framework: Framework;
  readonly store: StoreName;
}

type Place = Pick<ServerGoal, "framework" | "store">;

const labels = {
  firstCpuMicroseconds: "first",
  replayCpuMicroseconds: "replay",
  firstStoreMicroseconds: "first, store",
} as const satisfies Partial<Record<FigureName, string>>;

const goal = (place: Place, figure: keyof typeof labels, row: string, beside: string, timesMax: number): ServerGoal => {
  return { ...place, figure, label: labels[figure], row, beside, timesMax };
};

/** The processor time of a first request and of a repeat, at most that of another row. */
const both = (place: Place, row: string, beside: string): ServerGoal[] => [
  goal(place, "firstCpuMicroseconds", row, beside, 1),
  goal(place, "replayCpuMicroseconds", row, beside, 1),
];

const [peer, barePg, bare] = ["node-idempotency", "bare INSERT, pg", "bare INSERT"];

/** The cost that a key may have for a server, beside the cheapest library that does the like, and beside the same work by hand. */
const goals: readonly ServerGoal[] = [
  ...frameworks.flatMap((framework) => both({ framework, store: "memory" }, "once-again", peer)),
  ...(["express", "fastify"] as const).flatMap((framework) => [
    ...both({ framework, store: "redis" }, "once-again, redis", peer),
    // It has a lease and an owner, which the peer has not.
    ...(["redis", "valkey"] as const).map((store) =>
      goal({ framework, store }, "firstStoreMicroseconds", "once-again, redis", peer, 1.4),
    ),
  ]),
  ...(["express", "fastify"] as const).flatMap((framework) => {
    const place = { framework, store: "postgres" } as const;
    return [
      goal(place, "firstCpuMicroseconds", "once-again leased, pg", barePg, 2),
      goal(place, "replayCpuMicroseconds", "once-again leased, pg", barePg, 0.72),
      ...both(place, "once-again transactional, pg", "hand-written in 3 trips, pg"),
    ];
  }),
  // SQLite and MariaDB have no peer: what one writes oneself is beside them, and what PostgreSQL may cost.
  ...(["express", "fastify"] as const).flatMap((framework) => [
    ...both({ framework, store: "sqlite" }, "once-again", "hand-written"),
    ...both({ framework, store: "sqlite" }, "once-again, transactional", "hand-written, transactional"),
    goal({ framework, store: "mariadb" }, "firstCpuMicroseconds", "once-again leased", bare, 2),
    goal({ framework, store: "mariadb" }, "replayCpuMicroseconds", "once-again leased", bare, 0.72),
    ...both({ framework, store: "mariadb" }, "once-again transactional", "hand-written, transactional"),
  ]),
];

const isOf = (place: Place, { framework, store }: Place): boolean =>
  framework === place.framework && store === place.store;

/** Whether a goal has a row under it, or beside it. */
export function isInGoals(place: Place, { name }: Pick<Row, "name">): boolean {
  return goals.some((one) => isOf(one, place) && (one.row === name || one.beside === name));
}

/** Judges each goal of which the rows were measured. */
export function judgeServers(measured: readonly ServerMeasured[]): GoalResult[] {
  return groupsOf(measured).flatMap(({ title, rows }) => {
    const again = rows.find(({ name }) => isAgain(name));
    const pair = again === undefined ? undefined : ([again.name, again.baseline] as const);
    return goals
      .filter((one) => rows[0] !== undefined && isOf(one, rows[0]))
      .flatMap((one) => judgeGoal({ title, rows, again: pair }, one) ?? []);
  });
}
