export { type Judgement, judgeHistory } from "./judge-history.ts";
export { type HistoryFile, type HistoryLine, judgeLines } from "./judge-lines.ts";
export { type Anomaly, type HistoryRule, historyRules } from "./judge-key.ts";
export { type Partitions, partitions } from "./partitions.ts";
export { readLines } from "./read-lines.ts";
