import type { InspectedRecord, RecordName, Store } from "once-again/stores";
import { type AnswerTo, firstRecords, inspectRecord, isExpired, type Operation, transition } from "once-again/stores";

type Stored = Pick<InspectedRecord, "scope" | "key" | "record">;

const idOf = ({ scope, key }: RecordName): string => JSON.stringify([scope, key]);

/** A store in a Map. Where a database is shared, reading, deciding and writing are one transaction. */
export function mapStore(now: () => number = Date.now): Store {
  const records = new Map<string, Stored>();

  const apply = async <Asked extends Operation>(operation: Asked): Promise<AnswerTo<Asked>> => {
    const { record, answer } = transition(records.get(idOf(operation))?.record, operation, now());
    const { scope, key } = operation;
    if (record === undefined) records.delete(idOf(operation));
    else records.set(idOf(operation), { scope, key, record });
    return answer;
  };
  const known = (): InspectedRecord[] =>
    [...records.values()]
      .filter(({ record }) => !isExpired(record, now()))
      .map((stored) => inspectRecord(stored, stored.record, now()));

  return {
    survivesFailover: "no",
    claim: (request) => apply({ kind: "claim", ...request }),
    complete: (request) => apply({ kind: "complete", ...request }),
    renew: (request) => apply({ kind: "renew", ...request }),
    release: (request) => apply({ kind: "release", ...request }),
    checkpoint: (request) => apply({ kind: "checkpoint", ...request }),
    resolve: (request) => apply({ kind: "resolve", ...request }),
    inspect: async (name) => known().find((found) => idOf(found) === idOf(name)),
    list: async (request) => firstRecords(known(), request),
    async purge({ limit, scope }) {
      const isWanted = (one: Stored): boolean => isExpired(one.record, now()) && (scope ?? one.scope) === one.scope;
      const expired = [...records].filter(([, one]) => isWanted(one)).slice(0, limit);
      for (const [id] of expired) records.delete(id);
      return expired.length;
    },
    close: async () => records.clear(),
  };
}
