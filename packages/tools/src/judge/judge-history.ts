import { createReadStream, statSync } from "node:fs";
import { type HistoryEvent, readEvent } from "./history-event.ts";
import { type HistoryRule, historyRules, violations } from "./history-rules.ts";
import { addEvent, type Anomaly, judgeKey, type KeyState, newKeyState } from "./judge-key.ts";
import { partitions } from "./partitions.ts";
import { readLines } from "./read-lines.ts";

/** The verdict on a history. */
export interface Judgement {
  readonly lines: number;
  readonly keys: number;
  readonly calls: number;
  readonly effects: number;
  /** Of each rule that is violated: how often, and the violation that the fewest lines show. */
  readonly anomalies: readonly { readonly rule: HistoryRule; readonly count: number; readonly smallest: Anomaly }[];
}

/** How a history is read. */
export interface JudgeOptions {
  /** How large it is, bytes; `undefined`: not known. It decides into how many parts it is split. */
  readonly bytes?: number | undefined;
  /** Called now and then with the bytes that were read, twice over: once to split, once to judge. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Whether the history has the ledger, also where that is empty. Default: it has if there is any effect in it. */
  readonly hasLedger?: boolean | undefined;
  /** Called with every violation, as it is found. */
  readonly onAnomaly?: ((anomaly: Anomaly) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** About so much of a history is in memory at a time, bytes. */
const partBytes = 2 * 1024 * 1024;
/** Into how many parts a history is split at once, and how often a part that is too large is split again. */
const partsMax = 256;
const levelMax = 3;

/**
 * Judges a history of calls and effects, whatever system it is of. Each key is a history for itself, so it takes as long as the
 * history is, and no more memory for a longer one: lines are split by their keys into files, which are judged one after the other.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID` for a line that can't be read.
 */
export async function judgeHistory(
  chunks: AsyncIterable<Uint8Array>,
  { bytes, hasLedger = false, onProgress, onAnomaly, signal }: JudgeOptions = {},
): Promise<Judgement> {
  const parts = bytes === undefined ? 64 : partsFor(bytes);
  using byKey = partitions(parts);
  using byGroup = partitions(parts);
  const counts = { lines: 0, keys: 0, calls: 0, effects: 0 };
  let seen = 0;
  const counted = countBytes(chunks, (count) => onProgress?.((seen += count)), signal);
  for await (const lines of readLines(counted, "the history")) {
    for (const { number, text } of lines) {
      const event = readEvent(text, number);
      counts.lines += 1;
      if (event.type === "invoke") counts.calls += 1;
      if (event.type === "effect") counts.effects += 1;
      byKey.add(event.key, `${number} ${text}`);
      if (event.type === "effect" && event.group !== undefined && event.position !== undefined)
        byGroup.add(event.group, `${number} ${text}`);
    }
  }
  const found = new Map<HistoryRule, { count: number; smallest: Anomaly }>();
  const note = (anomaly: Anomaly): void => {
    onAnomaly?.(anomaly);
    const known = found.get(anomaly.rule);
    if (known === undefined) found.set(anomaly.rule, { count: 1, smallest: anomaly });
    else {
      known.count += 1;
      if (isSmaller(anomaly, known.smallest)) known.smallest = anomaly;
    }
  };
  for (let part = 0; part < parts; part += 1) {
    await eachPart(
      byKey.fileOf(part),
      ({ key }) => key,
      signal,
      async (file) => {
        const states = new Map<string, KeyState>();
        await eachLine(file, signal, (event, witness) => {
          let state = states.get(event.key);
          if (state === undefined) states.set(event.key, (state = newKeyState()));
          addEvent(state, event, witness);
        });
        counts.keys += states.size;
        for (const [key, state] of states)
          for (const anomaly of judgeKey(key, state, hasLedger || counts.effects > 0)) note(anomaly);
      },
    );
    await eachPart(
      byGroup.fileOf(part),
      ({ group }) => group!,
      signal,
      (file) => judgeGroups(file, signal, note),
    );
    if (bytes !== undefined) onProgress?.(bytes + Math.round((bytes * (part + 1)) / parts));
  }
  const rules = Object.keys(historyRules) as HistoryRule[];
  return { ...counts, anomalies: rules.flatMap((rule) => (found.has(rule) ? [{ rule, ...found.get(rule)! }] : [])) };
}

const partsFor = (bytes: number): number => Math.min(partsMax, Math.max(1, Math.ceil(bytes / partBytes)));

/** Hands over a file, or, if it is too large, parts of it one after the other. A key that is too large alone stays whole. */
async function eachPart(
  file: string | undefined,
  keyOf: (event: HistoryEvent) => string,
  signal: AbortSignal | undefined,
  use: (file: string) => Promise<void>,
  level = 1,
): Promise<void> {
  if (file === undefined) return;
  const { size } = statSync(file);
  if (size <= 4 * partBytes || level > levelMax) return use(file);
  using parts = partitions(partsFor(size), level);
  await eachLine(file, signal, (event, { line, text }) => parts.add(keyOf(event), `${line} ${text}`));
  for (let part = 0; part < parts.count; part += 1) await eachPart(parts.fileOf(part), keyOf, signal, use, level + 1);
}

/** The fewest lines; of those with as few, the one that came first. */
function isSmaller({ lines }: Anomaly, than: Anomaly): boolean {
  if (lines.length !== than.lines.length) return lines.length < than.lines.length;
  return (lines.at(-1)?.line ?? 0) < (than.lines.at(-1)?.line ?? 0);
}

/** A position that comes for the first time must be higher than those before. */
async function judgeGroups(
  file: string,
  signal: AbortSignal | undefined,
  note: (anomaly: Anomaly) => void,
): Promise<void> {
  const groups = new Map<string, { highest: number; last: { line: number; text: string }; seen: Set<number> }>();
  await eachLine(file, signal, (event, witness) => {
    const [group, position] = [event.group!, event.position!];
    const known = groups.get(group);
    if (known === undefined) {
      groups.set(group, { highest: position, last: witness, seen: new Set([position]) });
      return;
    }
    if (known.seen.has(position)) return;
    known.seen.add(position);
    if (position > known.highest) {
      known.highest = position;
      known.last = witness;
      return;
    }
    const [scope, key] = JSON.parse(event.key) as [string, string];
    const what = `In the sequence ${group}, position ${position} comes for the first time after ${known.highest}.`;
    const violation = "position-too-late";
    note({ rule: violations[violation].rule, violation, scope, key, what, lines: [known.last, witness] });
  });
}

async function eachLine(
  file: string,
  signal: AbortSignal | undefined,
  use: (event: HistoryEvent, witness: { line: number; text: string }) => void,
): Promise<void> {
  for await (const lines of readLines(createReadStream(file, { highWaterMark: 1 << 17 }), "a part of the history")) {
    signal?.throwIfAborted();
    for (const { text: numbered } of lines) {
      const space = numbered.indexOf(" ");
      const [line, text] = [Number(numbered.slice(0, space)), numbered.slice(space + 1)];
      use(readEvent(text, line), { line, text });
    }
  }
}

async function* countBytes(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    yield chunk;
    onBytes(chunk.length);
  }
}
