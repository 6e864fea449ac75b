import index from "@localSearchIndex";

/** Events that come before a search: the pointer or the focus reaches its button, or a key opens it. */
const signs = ["pointerover", "focusin", "keydown"] as const;

/** Loads the index of the search, which is large, as soon as a reader moves towards the search. */
export function preloadSearchIndex(): void {
  const look = (event: Event): void => {
    const isNear = event.target instanceof Element && event.target.closest(".VPNavBarSearch") !== null;
    const isKey = event instanceof KeyboardEvent && (event.key === "/" || event.key === "k");
    if (!isNear && !isKey) return;
    for (const sign of signs) document.removeEventListener(sign, look);
    // The search itself reports a failure, and tries again.
    void index["root"]?.().catch(() => undefined);
  };
  for (const sign of signs) document.addEventListener(sign, look, { passive: true });
}
