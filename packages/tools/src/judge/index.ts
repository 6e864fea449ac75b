export { type Judgement, judgeHistory } from "./judge-history.ts";
export { type HistoryRule, historyRules } from "./judge-key.ts";
export { type Partitions, partitions } from "./partitions.ts";
export { readLines } from "./read-lines.ts";
