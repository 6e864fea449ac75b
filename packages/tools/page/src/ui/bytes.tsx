const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** So much of a body is shown, bytes. */
const shownBytesMax = 20_000;

/** Bytes as what they may be. `command` is what shows all of them. */
export function Bytes({ base64, command }: { base64: string; command: string }) {
  const bytes = bytesOf(base64);
  if (bytes.length === 0) return <p>No body.</p>;
  const shown = bytes.subarray(0, shownBytesMax);
  const hidden = bytes.length - shown.length;
  return (
    <>
      <pre tabIndex={0}>{textOf(shown)}</pre>
      {hidden > 0 && (
        <p>
          And {hidden} more bytes: <code>{command}</code> has them.
        </p>
      )}
    </>
  );
}

/** JSON with line breaks, other text as it is, anything else in hexadecimal. */
function textOf(bytes: Uint8Array): string {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
    try {
      return JSON.stringify(JSON.parse(text), undefined, 2);
    } catch {
      return text;
    }
  } catch {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  }
}
