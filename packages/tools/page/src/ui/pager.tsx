import type { Signal } from "@preact/signals";

interface PagerProps<Name> {
  readonly label: string;
  /** The beginnings of the pages that lead to the one shown; the first page has none. */
  readonly trail: Signal<readonly Name[]>;
  /** The beginning of the next page; null on the last one. */
  readonly next: Name | null;
  readonly load: () => unknown;
}

/** The way to the next page, and back. */
export function Pager<Name>({ label, trail, next, load }: PagerProps<Name>) {
  const go = (names: readonly Name[]): void => {
    trail.value = names;
    void load();
  };
  if (next === null && trail.value.length === 0) return null;
  return (
    <nav class="row pager" aria-label={label}>
      <button type="button" disabled={trail.value.length === 0} onClick={() => go(trail.value.slice(0, -1))}>
        Previous
      </button>
      <span>Page {trail.value.length + 1}</span>
      <button type="button" disabled={next === null} onClick={() => next !== null && go([...trail.value, next])}>
        Next
      </button>
    </nav>
  );
}
