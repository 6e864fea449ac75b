import { setTimeout as sleep } from "node:timers/promises";
import type { Exchange, NotedEffect, NotedRun } from "./diary.ts";
import type { Ground } from "./ground.ts";
import type { Action, Program } from "./program.ts";

/** The things that a handler acts on. */
export interface Surroundings {
  readonly program: Program;
  readonly ground: Ground;
  readonly exchange: Exchange;
  readonly execution: { readonly transaction: unknown; readonly signal: AbortSignal };
  /** Answers now, where the framework lets a handler answer before it ends. */
  readonly answer: ((status: number, body: string) => void) | undefined;
  /** The number of the run. */
  readonly run: number;
}

/** How long a handler waits for its caller's answer, where it comes no sooner, and how long after that, milliseconds. */
const lingerMs = 80;

/** The text that a handler answers with: another one in each run. */
export const bodyOf = (run: number): string => JSON.stringify({ run });

/** Carries a program's actions out, as a user's handler does that knows nothing of what may go wrong. */
export async function act(surroundings: Surroundings, noted: NotedRun): Promise<void> {
  for (const [place, action] of surroundings.program.actions.entries())
    await step(action, `${place}`, surroundings, noted);
}

async function step(action: Action, place: string, surroundings: Surroundings, noted: NotedRun): Promise<void> {
  const { ground, exchange, execution, answer, run } = surroundings;
  const write = (effect: string): Promise<NotedEffect> => writeEffect(effect, surroundings, noted);
  switch (action.do) {
    case "effect": {
      if (action.awaited) return void (await write(place));
      later(() => write(place)).catch(() => undefined);
      return;
    }
    case "parallel": {
      const branches = [write(`${place}a`), later(() => write(`${place}b`))];
      for (const branch of branches) branch.catch(() => undefined);
      await Promise.all([action.fails ? Promise.reject(new Error("a branch failed")) : undefined, ...branches]);
      return;
    }
    case "nested": {
      if (ground.rules.mode === "leased") return void (await write(place));
      noted.takesBack = !action.commits;
      await ground.send(execution.transaction, "BEGIN");
      await write(place);
      const ended = ground.send(execution.transaction, action.commits ? "COMMIT" : "ROLLBACK");
      noted.takesBack = false;
      await ended;
      return;
    }
    case "commit":
      if (ground.rules.mode === "transactional") await ground.send(execution.transaction, "COMMIT");
      return;
    case "other-answers":
      exchange.timeOut();
      return;
    case "caller-leaves":
      exchange.leave();
      return;
    case "answer":
      answer?.(action.status, bodyOf(run));
      return;
    case "linger":
      await Promise.race([exchange.over, sleep(lingerMs)]);
      await sleep(lingerMs);
      return;
    case "throw":
      throw new Error("the handler failed");
  }
}

/** A function that looks something up before it writes: its effect comes a moment after the call. */
async function later<Value>(write: () => Promise<Value>): Promise<Value> {
  await sleep(2);
  return write();
}

/** One effect. A leased handler heeds its signal, as the guide asks of handlers that may run again. */
async function writeEffect(
  name: string,
  { ground, execution, run }: Surroundings,
  { effects, takesBack }: NotedRun,
): Promise<NotedEffect> {
  if (ground.rules.mode === "leased") execution.signal.throwIfAborted();
  const effect: NotedEffect = { effect: name, fate: "pending", isTakenBack: takesBack };
  effects.push(effect);
  try {
    await ground.send(execution.transaction, ground.insert({ run, effect: name }));
    effect.fate = "resolved";
    return effect;
  } catch (error) {
    effect.fate = "rejected";
    throw error;
  }
}

/** The chunks of an answer that is a stream. */
export async function* chunksOf({ ending }: Program, run: number): AsyncGenerator<Uint8Array> {
  for (const character of bodyOf(run)) {
    yield new TextEncoder().encode(character);
    await sleep(1);
  }
  if (ending.body === "stream-that-breaks") throw new Error("the stream broke");
}
