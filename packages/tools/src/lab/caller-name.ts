/** The two callers. */
export const callerNames = ["careless", "safe"] as const;

/** Which caller. */
export type CallerName = (typeof callerNames)[number];
