import { useSignal } from "@preact/signals";

/** Shows a person's entry until the field is left, so that news does not write over it. */
function useEntered(value: number) {
  const entered = useSignal<string | undefined>(undefined);
  return {
    value: entered.value ?? value,
    onInput: ({ currentTarget }: { readonly currentTarget: HTMLInputElement }): void =>
      void (entered.value = currentTarget.value),
    onBlur: (): void => void (entered.value = undefined),
  };
}

interface NumberSettingProps {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly onChange: (value: number) => void;
}

/** A whole number. */
export function NumberSetting({ label, value, min, max, onChange }: NumberSettingProps) {
  const entered = useEntered(value);
  return (
    <label class="number-setting">
      <span>{label}</span>
      <input
        type="number"
        min={min}
        max={max}
        {...entered}
        onChange={({ currentTarget }) => {
          if (currentTarget.reportValidity()) onChange(currentTarget.valueAsNumber);
        }}
      />
    </label>
  );
}

interface ShareSettingProps {
  /** For who can't see what it stands beside. */
  readonly label: string;
  /** The whole that it is a share of. */
  readonly of: string;
  /** 0 to `max`, which is 1 at most. */
  readonly value: number;
  readonly max: number;
  readonly isOn?: boolean;
  readonly onChange: (value: number) => void;
}

/** A share, in per cent. */
export function ShareSetting({ label, of, value, max, isOn = true, onChange }: ShareSettingProps) {
  const { value: shown, ...entering } = useEntered(Math.round(value * 100));
  const percent = `${shown}%`;
  return (
    <label class="rate">
      <span class="unseen">{label}</span>
      <input
        type="range"
        min={0}
        max={Math.round(max * 100)}
        step={1}
        value={shown}
        {...entering}
        disabled={!isOn}
        aria-valuetext={`${percent} of ${of}`}
        onChange={({ currentTarget }) => onChange(Number(currentTarget.value) / 100)}
      />
      <output>{isOn ? percent : "off"}</output>
    </label>
  );
}
