export { type Judgement, judgeHistory, type JudgeOptions } from "./judge-history.ts";
export { type Anomaly, type HistoryRule, historyRules } from "./judge-key.ts";
export { type Partitions, partitions } from "./partitions.ts";
export { readLines } from "./read-lines.ts";
