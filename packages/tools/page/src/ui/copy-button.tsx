import { useSignal } from "@preact/signals";

/** Copies a text, and says so. */
export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const copied = useSignal<string | undefined>(undefined);
  const copy = (): void =>
    void navigator.clipboard.writeText(text).then(
      () => (copied.value = text),
      () => (copied.value = undefined),
    );
  return (
    <button type="button" aria-label={label} onClick={copy}>
      {copied.value === text ? "Copied" : "Copy"}
    </button>
  );
}
