import type { ComponentChildren } from "preact";
import type { Tone } from "./words.ts";
import "./lane.css";

interface LaneProps {
  /** Of the lane, among those of its page. */
  readonly name: string;
  readonly title: string;
  readonly rule: string;
  readonly verdict: { readonly text: string; readonly why: string; readonly tone: Tone };
  readonly events: readonly { readonly atMs: number; readonly text: string; readonly tone: Tone }[];
  /** Above the events. */
  readonly head?: ComponentChildren;
  /** The ledger, below the events. */
  readonly children: ComponentChildren;
}

/** One of those that a page compares: its verdict, its events and its ledger. */
export function Lane({ name, title, rule, verdict, events, head, children }: LaneProps) {
  return (
    <section class="card play-lane" aria-labelledby={`${name}-title`} data-lane={name}>
      <h2 id={`${name}-title`}>{title}</h2>
      <p class="rule">{rule}</p>
      <p class={`play-verdict tone-${verdict.tone}`}>{verdict.text}</p>
      <p class="why">{verdict.why}</p>
      {head}
      <ol>
        {events.map(({ atMs, text, tone }, index) => (
          <li key={index} class={`tone-${tone}`}>
            <span class="time">{(atMs / 1000).toFixed(2)} s</span>
            <span>{text}</span>
          </li>
        ))}
      </ol>
      {children}
    </section>
  );
}
