import { asOwner, type BrokenStore, recordOf } from "./broken-store.ts";

/** Flaws in the ownership of keys. */
export const brokenOwners: readonly BrokenStore[] = [
  {
    flaw: "it lets anyone complete",
    caughtBy: "a token that is not the owner's",
    break: (store) => ({ complete: async (request) => store.complete(await asOwner(store, request)) }),
  },
  {
    flaw: "it lets anyone renew",
    caughtBy: "a token that is not the owner's",
    break: (store) => ({ renew: async (request) => store.renew(await asOwner(store, request)) }),
  },
  {
    flaw: "it lets anyone release",
    caughtBy: "a late owner changes nothing",
    break: (store) => ({ release: async (request) => store.release(await asOwner(store, request)) }),
  },
  {
    flaw: "it lets anyone keep checkpoints",
    caughtBy: "a late owner changes nothing",
    break: (store) => ({ checkpoint: async (request) => store.checkpoint(await asOwner(store, request)) }),
  },
  {
    flaw: "it compares owners without regard to case",
    caughtBy: "a token that is not the owner's",
    break: (store) => ({ complete: (request) => store.complete({ ...request, owner: request.owner.toLowerCase() }) }),
  },
  {
    flaw: "a completion that is repeated is refused",
    caughtBy: "an owner that lost its acknowledgement",
    break: (store) => ({
      complete: async (request) => (await store.inspect(request))?.state !== "done" && store.complete(request),
    }),
  },
  {
    flaw: "it claims to have renewed, and does not",
    caughtBy: "a lease is renewed by its owner",
    break: (store) => ({ renew: async (request) => (await recordOf(store, request))?.owner === request.owner }),
  },
  {
    flaw: "it forgets an operation that was taken over when its new owner releases it",
    caughtBy: "a release after a take-over abandons the key",
    break: (store) => ({
      async release(request) {
        const isReleased = await store.release(request);
        if (isReleased) await store.resolve({ ...request, settlement: { as: "not-executed" } });
        return isReleased;
      },
    }),
  },
  {
    flaw: "it remembers that a release found nothing, and asks no more",
    caughtBy: "a claim that arrives after its release",
    break: (store) => {
      const answers = new Map<string, ReturnType<typeof store.release>>();
      return {
        release(request) {
          const answer = answers.get(request.owner) ?? store.release(request);
          answers.set(request.owner, answer);
          return answer;
        },
      };
    },
  },
  {
    flaw: "it releases what is done",
    caughtBy: "a done key is neither renewed nor released",
    break: (store) => {
      const gone = new Set<string>();
      return {
        async release(request) {
          if ((await store.inspect(request))?.state === "done") gone.add(request.key);
          return gone.has(request.key) || store.release(request);
        },
      };
    },
  },
];
