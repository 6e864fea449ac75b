import { OnceAgainError } from "../core/errors.ts";

/** Refuses what was given beside a middleware's options: a handler there would never be called, and nobody would say so. */
export function refuseHandler(name: string, others: readonly unknown[], usage: string): void {
  if (others.length === 0) return;
  throw new OnceAgainError(
    "ONCE_OPTION_INVALID",
    `${name} takes its options alone. Put the handler behind it: ${usage}.`,
    {
      details: { option: "handler" },
    },
  );
}
