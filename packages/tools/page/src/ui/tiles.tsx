/** A figure that leads somewhere. */
export function Tile({ name, value, hint, action }: { name: string; value: string; hint: string; action: () => void }) {
  return (
    <button type="button" class="card tile" onClick={action}>
      <span class="quiet">{name}</span>
      <strong>{value}</strong>
      <span class="quiet">{hint}</span>
    </button>
  );
}

/** A figure. */
export function Fact({ name, value, hint }: { name: string; value: string; hint: string }) {
  return (
    <div class="card tile">
      <span class="quiet">{name}</span>
      <strong>{value}</strong>
      <span class="quiet">{hint}</span>
    </div>
  );
}
