import { steps } from "./crash-settings.ts";
import { placeWords, stepWords } from "./crash-words.ts";

interface CrashTrackProps {
  readonly at: number;
  readonly onChange: (at: number) => void;
}

/** The steps of one order, and the crash among them: a slider, which a pointer, a finger and the arrow keys move. */
export function CrashTrack({ at, onChange }: CrashTrackProps) {
  return (
    <div class="track">
      <ol>
        {steps.map((step, index) => (
          <li key={step} class={index < at - 1 ? "is-done" : index === at - 1 ? "is-done is-last" : ""}>
            <span class="dot" aria-hidden="true" />
            <span>{stepWords[step]}</span>
          </li>
        ))}
      </ol>
      <input
        type="range"
        min={1}
        max={steps.length - 1}
        step={1}
        value={at}
        aria-label="Where the crash is"
        aria-valuetext={placeWords(at)}
        onInput={({ currentTarget }) => onChange(currentTarget.valueAsNumber)}
      />
    </div>
  );
}
