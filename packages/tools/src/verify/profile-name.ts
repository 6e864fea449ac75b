/** Every set of rules that a server can be held to. */
export const profileNames = ["draft", "acp", "stripe", "ucp", "webhooks"] as const;

/** The rules for a server: the draft and the field's practice, or a published set of rules in its place. */
export type ProfileName = (typeof profileNames)[number];
