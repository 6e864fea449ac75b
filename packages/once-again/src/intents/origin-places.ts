/** How many intents of each origin are under way, so that one server that hangs leaves room for the others. */
export interface OriginPlaces {
  /** Takes a place of an origin; the function that it returns gives it back. */
  take(origin: string): () => void;
  /**
   * Of `free` places, how many may be taken at once without knowing whose intents they will be, and the origins that
   * have all of theirs.
   */
  left(free: number): { readonly limit: number; readonly full: readonly string[] };
}

/** Counts the places that each origin has taken, of `concurrencyPerOrigin`. */
export function originPlaces({ concurrencyPerOrigin }: { readonly concurrencyPerOrigin: number }): OriginPlaces {
  const taken = new Map<string, number>();
  return {
    take(origin) {
      taken.set(origin, (taken.get(origin) ?? 0) + 1);
      return () => {
        const rest = (taken.get(origin) ?? 0) - 1;
        if (rest > 0) taken.set(origin, rest);
        else taken.delete(origin);
      };
    },
    left(free) {
      const counts = [...taken];
      const full = counts.filter(([, count]) => count >= concurrencyPerOrigin).map(([origin]) => origin);
      // All that come may be of the origin that has taken the most of those that have room.
      const most = Math.max(0, ...counts.map(([, count]) => count).filter((count) => count < concurrencyPerOrigin));
      return { limit: Math.min(free, concurrencyPerOrigin - most), full };
    },
  };
}
