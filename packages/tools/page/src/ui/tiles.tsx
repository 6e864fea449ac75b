interface TileProps {
  readonly name: string;
  readonly value: string;
  readonly hint: string;
  readonly action: () => void;
  /** Whether a person has to act: it is shown in amber. */
  readonly isWarning?: boolean;
}

/** A figure that leads somewhere. */
export function Tile({ name, value, hint, action, isWarning = false }: TileProps) {
  return (
    <button type="button" class={isWarning ? "card tile warning" : "card tile"} onClick={action}>
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
