/** An event of a relay. `id`, `topic` and `place` are a message's; no payloads. */
export type RelayEvent =
  | (Named & {
      readonly type: "published";
      /** How long after it was added, milliseconds by this machine's clock, and whether the broker knew it already. */
      readonly lagMs: number;
      readonly isDuplicate: boolean;
    })
  /** The broker refused the message, for the `refusals`-th time; it is sent again after `delayMs`. */
  | (Named & { readonly type: "refused"; readonly error: unknown; readonly refusals: number; readonly delayMs: number })
  /** It was refused too often, and waits for a person. `blocks`: so do those after it of its ordering key. */
  | (Named & { readonly type: "parked"; readonly error: unknown; readonly blocks: boolean })
  /** The place can't be reached, or does not confirm; it is handed nothing for `pauseMs`. Others go on. */
  | {
      readonly type: "place-unavailable";
      readonly place: string;
      readonly error: unknown;
      readonly pauseMs: number;
    }
  /** The database failed or took too long to claim, or a function among the options failed; it is asked again. */
  | { readonly type: "fault"; readonly error: unknown };

interface Named {
  readonly id: string;
  readonly topic: string;
  /** Where it goes, as the publisher says it: a queue, a topic, a server. */
  readonly place: string;
}
