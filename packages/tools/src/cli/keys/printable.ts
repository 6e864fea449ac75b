/**
 * Text as a terminal may show it: control characters, invisible ones and lone surrogates are escaped. What callers sent
 * (keys, headers, bodies) must not move the cursor or hide a part of the line.
 */
export function escapeControls(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
