import type { NatsBucketStatus } from "./client.ts";

/** What endangers records in a bucket, one sentence each. */
export function bucketProblems({ replicas, streamInfo }: NatsBucketStatus): string[] {
  const { storage, discard, allow_direct: allowDirect } = streamInfo.config;
  const problems: readonly [holds: boolean, problem: string][] = [
    [replicas < 3, `The bucket has ${replicas} replica(s): losing their node loses the records. Make it with 3.`],
    [storage !== "file", "The bucket is in memory: a restart forgets records. Make it with storage: 'file'."],
    [discard !== "new", "A full bucket forgets its oldest records (discard: old). Make it with discard: 'new'."],
    [allowDirect, "Followers may answer reads, with old records. Make the bucket with allow_direct: false."],
  ];
  return problems.flatMap(([holds, problem]) => (holds ? [problem] : []));
}
