import type { keysFaults, keysWindows } from "./keys/windows.ts";
import type { messageFaults, messageWindows } from "./messages/windows.ts";

/** The moments in which a fault can do harm. A run that misses one of them has proven too little. */
export const windows = [
  "claim lost before it was executed",
  "claim executed, answer lost",
  "crash between claim and effect",
  "effect executed, answer lost",
  "crash between effect and completion",
  "completion lost before it was executed",
  "completion executed, answer lost",
  "release executed, answer lost",
  "process stood still longer than its lease while it worked",
  "lease lost while it worked",
  "operation taken over",
  "held operation asked for",
  "late owner refused",
  "call arrived after it was given up",
  "repeat came while it worked",
  "handler given up before its effect",
  "handler given up after its effect",
  "one effect of two failed, the other at work",
  "effect after the answer",
  "effect refused after the end of its transaction",
  "time-out in front answered, handler at work",
  "time-out behind answered, handler at work",
  "crash inside a transaction",
  "commit lost before it was executed",
  "commit executed, answer lost",
  "crash right after an answer",
  "success answered, answer lost",
  "request came twice",
  "caller died in doubt",
  "caller learnt that nothing happened",
  "another request under the same key",
] as const;

export type CriticalWindow = (typeof windows)[number] | (typeof messageWindows)[number] | (typeof keysWindows)[number];

/** The kinds of faults that are injected. */
export const faults = [
  "request lost",
  "answer lost",
  "message delayed",
  "request duplicated",
  "connection refused",
  "port call failed before it applied",
  "port call applied, answer lost",
  "port call late",
  "effect call failed before it applied",
  "effect call applied, answer lost",
  "handler hangs",
  "time-out of another party",
  "server crashed",
  "server stood still",
  "caller crashed",
  "clock off",
] as const;

export type FaultKind = (typeof faults)[number] | (typeof messageFaults)[number] | (typeof keysFaults)[number];
