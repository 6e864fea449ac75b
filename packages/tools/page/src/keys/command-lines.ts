import type { HeldKey } from "../../../src/admin/key-document.ts";
import type { OperatorAnswer } from "../../../src/console/keys/keys-protocol.ts";
import type { OperatorNote } from "../../../src/console/operator-note.ts";

/** Makes a text one word for a POSIX shell. */
const word = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** `ONCE_AGAIN_STORE` says where the keys are. A name that begins with a dash follows `--`. */
function line(command: string, { scope, key }: HeldKey, options: readonly (readonly [string, string])[]): string {
  const flags = options.map(([name, value]) => (value === "" ? `--${name}` : `--${name} ${word(value)}`));
  return ["once-again keys", command, ...flags, "--", word(scope), word(key)].join(" ");
}

const noteOptions = ({ author, reason }: OperatorNote): [string, string][] => [
  ["by", author.trim() || "NAME"],
  ["reason", reason.trim() || "REASON"],
];

/** The command that releases a key as this page does. */
export const releaseLine = (key: HeldKey, note: OperatorNote): string => line("release", key, noteOptions(note));

/** The command that resolves a key as this page does. */
export function resolveLine(key: HeldKey, note: OperatorNote, answer: OperatorAnswer): string {
  const { status, contentType, body, isEmpty, retentionMs } = answer;
  return line("resolve", key, [
    ["status", String(status)],
    ...(contentType === "" ? [] : [["header", `content-type: ${contentType}`] as const]),
    ...(isEmpty ? [["empty", ""] as const] : [["body", body || "BODY"] as const]),
    ["retention-ms", String(retentionMs)],
    ...noteOptions(note),
  ]);
}
