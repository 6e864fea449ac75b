import { useEffect } from "preact/hooks";
import { Problem } from "../ui/problem.tsx";
import { BacklogTiles } from "./backlog-tiles.tsx";
import { MessageDetail } from "./message-detail.tsx";
import { MessageTable, PlaceTable } from "./message-table.tsx";
import { chosen, follow, listProblem, loadMessages } from "./messages-state.ts";
import "../ui/records.css";

/** The backlog of an outbox, and what its places said: look into a message, have a parked one published again, or discard it. */
export function MessagesPage() {
  useEffect(() => {
    void loadMessages();
    return follow();
  }, []);
  const hasDetail = chosen.value.length > 0;
  return (
    <>
      <h1>Messages</h1>
      <p class="lead">
        Each message committed with its transaction, and waits here until its place has confirmed it. One that was not
        confirmed is tried again by itself. A <em>parked</em> one was refused too often: a person has to decide about
        it.
      </p>
      <BacklogTiles />
      {listProblem.value !== undefined && <Problem text={listProblem.value} retry={loadMessages} />}
      <div class={hasDetail ? "keys with-detail" : "keys"}>
        <div>
          <PlaceTable />
          <MessageTable />
        </div>
        {hasDetail && <MessageDetail messages={chosen.value} />}
      </div>
    </>
  );
}
