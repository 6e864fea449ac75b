import { useEffect } from "preact/hooks";
import { mayChange } from "../session.ts";
import { isPlayground, place } from "../shell-state.ts";
import { Problem } from "../ui/problem.tsx";
import "./lab.css";
import "./caller-lane.css";
import "./outcomes.css";
import "./order-list.css";
import "./checkout/checkout.css";
import "./messages/messages.css";
// After all that it changes.
import "./narrow.css";
import { checkout, listenToCheckout } from "./checkout/checkout-live.ts";
import { CheckoutStory } from "./checkout/checkout-story.tsx";
import { OneClick } from "./click/one-click.tsx";
import { commandProblem, listenToLab, live, streamProblem } from "./lab-live.ts";
import { listenToMessages, messages } from "./messages/messages-live.ts";
import { MessagesStory } from "./messages/messages-story.tsx";
import { RequestsStory } from "./requests-story.tsx";
import { noteMoved } from "./sky.ts";
import { StoryChoice, storyPlaces } from "./story-choice.tsx";

/** The lab: the same orders, careless and safe, through a network, through a broker, and from a browser that dies. */
export function LabPage() {
  const parts = { [storyPlaces.messages]: MessagesPart, [storyPlaces.checkout]: CheckoutPart };
  const Part = parts[place.value as keyof typeof parts] ?? RequestsPart;
  return (
    <div class="lab">
      <Part />
    </div>
  );
}

function RequestsPart() {
  useEffect(() => listenToLab((moved, isNewRun) => noteMoved(moved, isNewRun, performance.now())), []);
  const state = live.value;
  return (
    <>
      <h1>Why sending it again is dangerous, and what makes it safe</h1>
      <p class="lead">
        Two callers send the same orders to the same payment API, over a network that loses some of what it carries.{" "}
        {isPlayground.value
          ? "Nothing here is a film: the callers, the server’s engine and its store are those of the library, in this page. Only the network is simulated."
          : "Nothing here is a film: the requests, the processes and the charges are real, on this machine."}
      </p>
      <Problems />
      {mayChange.value && !isPlayground.value && <OneClick />}
      {state === undefined ? (
        <Waiting />
      ) : (
        <>
          <StoryChoice shown={state.settings.mode} />
          <RequestsStory state={state} />
        </>
      )}
    </>
  );
}

function MessagesPart() {
  useEffect(() => listenToMessages(), []);
  const state = messages.value;
  return (
    <>
      <h1>Why saving and announcing is not one thing, and what makes it one</h1>
      <p class="lead">
        Two order services save the same orders and announce them to a broker; two shippings ship what is announced. The
        broker delivers at least once, messages and confirmations get lost, and the processes are killed. All of it is
        real, on this machine.
      </p>
      <Problems />
      {state === undefined ? (
        <Waiting />
      ) : (
        <>
          <StoryChoice shown="messages" />
          <MessagesStory state={state} />
        </>
      )}
    </>
  );
}

function CheckoutPart() {
  useEffect(() => listenToCheckout(), []);
  const state = checkout.value;
  return (
    <>
      <h1>Press Pay, and kill the browser</h1>
      <p class="lead">
        Two customers pay the same order, each on a page in a browser. The network loses a part of the payment, and then
        the browser is killed. Each browser is a process on this machine, its disk is a file, and the shop’s API is
        real. Only the customers are simulated.
      </p>
      <Problems />
      {state === undefined ? (
        <Waiting />
      ) : (
        <>
          <StoryChoice shown="checkout" />
          <CheckoutStory state={state} />
        </>
      )}
    </>
  );
}

function Problems() {
  return (
    <>
      {streamProblem.value !== undefined && <Problem text={`${streamProblem.value} Trying again…`} />}
      {commandProblem.value !== undefined && <Problem text={commandProblem.value} />}
    </>
  );
}

const Waiting = () => <p class="empty">{streamProblem.value === undefined ? "Asking the console…" : ""}</p>;
