/** The words of both checkouts, the lab's and the playground's. It imports nothing of Node, since pages read it too. */

/** The part of the first payment that the network loses. */
export const losses = ["answer", "request"] as const;
export type Loss = (typeof losses)[number];

/** The button of a page that is open. `loading`: the page looks up what an earlier life of it left. */
export type Button = "loading" | "pay" | "paying" | "pay-again" | "not-paid" | "unknown" | "paid";

/** Whether the customer can only wait. */
export const isBusy = (button: Button): boolean => button === "loading" || button === "paying";

/** Something that happened, and when. */
export interface PayEvent {
  /** Since the page was opened, milliseconds. */
  readonly atMs: number;
  /** The tab, 1 and up; absent for what happens at the server, and where there is one. */
  readonly tab?: number | undefined;
  readonly what:
    | "pressed"
    | "pressed-again"
    | "sent"
    | "sent-again"
    | "lost-request"
    | "charged"
    | "lost-answer"
    | "timed-out"
    | "reloaded"
    | "closed"
    | "opened"
    | "changed-tab"
    | "killed"
    | "restarted"
    | "resumed"
    | "joined"
    | "response"
    | "replayed";
}
