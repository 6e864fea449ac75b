import type { ComponentChildren } from "preact";
import { NumberSetting } from "./settings.tsx";

interface RadioChoicesProps<Name extends string> {
  readonly legend: string;
  /** Of the group, in the page. */
  readonly group: string;
  readonly names: readonly Name[];
  readonly value: Name;
  readonly words: Readonly<Record<Name, string | { readonly title: string; readonly means: string }>>;
  readonly onChange: (name: Name) => void;
  readonly class?: string;
  readonly isDisabled?: boolean;
  /** More settings below the choices. */
  readonly children?: ComponentChildren;
}

/** One of several, by radio buttons. */
export function RadioChoices<Name extends string>(props: RadioChoicesProps<Name>) {
  const { legend, group, names, value, words, onChange, isDisabled, children } = props;
  return (
    <fieldset class={props.class} disabled={isDisabled}>
      <legend>{legend}</legend>
      {names.map((name) => {
        const text = words[name];
        return (
          <label key={name} class="choice">
            <input type="radio" name={group} checked={value === name} onChange={() => onChange(name)} />
            {typeof text === "string" ? (
              <span>{text}</span>
            ) : (
              <span>
                {text.title}
                <small>{text.means}</small>
              </span>
            )}
          </label>
        );
      })}
      {children}
    </fieldset>
  );
}

interface SeedSettingProps {
  readonly label: string;
  readonly seed: number;
  readonly onChange: (seed: number) => void;
}

/** A seed, as it stands in the address. */
export function SeedSetting({ label, seed, onChange }: SeedSettingProps) {
  return <NumberSetting label={label} value={seed} min={0} max={Number.MAX_SAFE_INTEGER} onChange={onChange} />;
}
