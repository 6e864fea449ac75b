export { type Judgement, judgeHistory } from "./judge-history.ts";
export { type HistoryFile, type HistoryLine, judgeLines } from "./judge-lines.ts";
export type { Anomaly } from "./judge-key.ts";
export { type HistoryRule, historyRules, type Violation, violations } from "./history-rules.ts";
export { type Partitions, partitions } from "./partitions.ts";
export { readLines } from "./read-lines.ts";
