/** Rows that are measured together, round by round, and their baselines. */

/** The figures of each part, by the part's name. */
export interface PartFigures {
  throughput: "perSecond" | "cpuMicroseconds";
  latency: "latencyP50" | "latencyP99";
  backlog: "perSecond";
  commits: "commitP50" | "commitP99";
  notify: "perSecond" | "commitP50" | "commitP99" | "cpuMicroseconds";
  notifyLatency: "commitP50" | "commitP99" | "latencyP50" | "latencyP99" | "cpuMicroseconds";
}

export type PartName = keyof PartFigures;

/** The packages that are measured, or measured on. */
export const packages = ["amqplib", "pg", "pg-transactional-outbox", "graphile-worker", "pg-boss"] as const;

/** A loop of confirmed publishes without a database. */
export const bare = "bare publishes";

/** The same in another turn: how far the two differ is the noise of a part. */
export const again = (name: string): string => `${name}, again`;

/** A goal of the design; `isMet` says it of the medians and ratios of a part's row. */
export interface Goal {
  readonly part: PartName;
  readonly row: string;
  readonly text: string;
  readonly isMet: (row: {
    medians: Readonly<Record<string, number>>;
    ratios: Readonly<Record<string, number>>;
  }) => boolean;
}

export const goals: readonly Goal[] = [
  {
    part: "throughput",
    row: "once-again",
    text: "a relay reaches at least .5 of a loop of bare publishes",
    isMet: ({ ratios }) => ratios["perSecond"]! >= 0.5,
  },
  {
    part: "latency",
    row: "NOTIFY",
    text: "from COMMIT to the handler 99% take at most 25 ms, woken by NOTIFY",
    isMet: ({ medians }) => medians["latencyP99"]! <= 25,
  },
  {
    part: "backlog",
    row: "backlog",
    text: "a backlog drains at .9 of the rate of an empty table or more",
    isMet: ({ ratios }) => ratios["perSecond"]! >= 0.9,
  },
  {
    part: "commits",
    row: "relay at work",
    text: "a relay that claims and removes adds at most 20% to the 99th percentile of a COMMIT",
    isMet: ({ ratios }) => ratios["commitP99"]! <= 1.2,
  },
];
