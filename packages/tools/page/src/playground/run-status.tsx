interface RunStatusProps {
  /** The settings of the run, in words; undefined before the first run. */
  readonly settings: string | undefined;
  readonly verdicts: readonly { readonly title: string; readonly text: string }[];
}

/** Says which run is shown. The verdicts, which the lanes show, are read out with it. */
export function RunStatus({ settings, verdicts }: RunStatusProps) {
  return (
    <p class="phase" role="status">
      {settings}
      {settings !== undefined && (
        <span class="unseen">{verdicts.map(({ title, text }) => ` ${title}: ${text}.`).join("")}</span>
      )}
    </p>
  );
}
