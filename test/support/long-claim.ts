import { randomUUID } from "node:crypto";
import type { ClaimRequest } from "../../packages/once-again/src/stores/store.ts";

/** A claim by a separate owner that will not run out during a test. */
export const longClaim = (key: string, more: Partial<ClaimRequest> = {}): ClaimRequest => ({
  scope: "acme",
  key,
  fingerprint: "f",
  owner: randomUUID(),
  leaseMs: 600_000,
  retentionMs: 1_200_000,
  ...more,
});
