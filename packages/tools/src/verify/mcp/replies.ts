import { formatText } from "../response-text.ts";
import type { Reply } from "./mcp-connection.ts";
import { mcpSuite } from "./mcp-suite.ts";

/** Whether a call was executed, as far as its answer says. */
export const isDone = ({ result }: Reply): boolean => result !== undefined && result["isError"] !== true;

/** The content of a result and its structure, without `_meta`. */
export const resultOf = ({ result, error }: Reply): string => {
  const { content, structuredContent } = result ?? {};
  return JSON.stringify([content, structuredContent, error?.code]);
};

/** The texts of a reply. */
export function textOf({ result, error }: Reply): string {
  const content = (result?.["content"] ?? []) as readonly { readonly text?: string }[];
  return error === undefined ? content.map(({ text = "" }) => text).join(" ") : `${error.code} ${error.message}`;
}

const notNowCodes: ReadonlySet<unknown> = new Set(mcpSuite.notNow.codes);
const notNowWords = new RegExp(mcpSuite.notNow.words, "i");

/** Answers that say no more than: not now. */
export function isNotNow({ result }: Reply): boolean {
  const { "once-again/error": code } = (result?.["_meta"] ?? {}) as Record<string, unknown>;
  return result?.["isError"] === true && (notNowCodes.has(code) || notNowWords.test(textOf({ result })));
}

/** How much of a text is shown, characters. */
const shownMax = 80;

/** A reply in a few words. */
export function formatReply(reply: Reply): string {
  const text = formatText(textOf(reply));
  const shown = text.length > shownMax ? `${text.slice(0, shownMax)}…` : text;
  if (reply.error !== undefined) return `error ${shown}`;
  return isDone(reply) ? `"${shown}"` : `isError "${shown}"`;
}
