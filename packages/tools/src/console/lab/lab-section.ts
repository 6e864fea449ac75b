import { oneClick, type OneClick } from "../../lab/click/one-click.ts";
import { LiveCheckout } from "../../lab/checkout/live-checkout.ts";
import { LiveLab } from "../../lab/live/live-lab.ts";
import type { LiveSettings } from "../../lab/live/live-protocol.ts";
import { startRun } from "../../lab/live/live-run.ts";
import { liveDefaults } from "../../lab/live/live-settings.ts";
import type { BrokerChoice } from "../../lab/messages/brokers/open-broker.ts";
import { LiveMessages } from "../../lab/messages/live/live-messages.ts";
import { type MessagesSettings, roleNames } from "../../lab/messages/live/messages-protocol.ts";
import { messagesDefaults } from "../../lab/messages/live/messages-settings.ts";
import type { Order } from "../../lab/orders.ts";
import { keysSection } from "../keys/keys-section.ts";
import type { Route, Section } from "../route.ts";
import { clickRoutes } from "./click-routes.ts";
import { killRoute, labRoutes, storyRoutes } from "./lab-routes.ts";

/** The settings with which the lab's page begins. */
export interface LabSectionOptions {
  /** At least one. */
  readonly orders: readonly Order[];
  /** Default: those of the live lab. */
  readonly settings?: Partial<LiveSettings>;
  /** The settings with which the story of messages begins. Default: those of the live story. */
  readonly messages?: Partial<MessagesSettings>;
  /** Between the services and the shippings of that story. Default: one in the lab itself. */
  readonly broker?: BrokerChoice | undefined;
}

/** The lab, live: one for everybody who has the page open; and the keys of its API. */
export function labSections(options: LabSectionOptions): readonly [lab: Section, keys: Section] {
  const { orders, broker = { kind: "embedded", url: "" } } = options;
  const lab = new LiveLab(orders, { ...liveDefaults, ...options.settings }, startRun);
  const messages = new LiveMessages({ orders, broker, settings: { ...messagesDefaults, ...options.messages } });
  const checkout = new LiveCheckout(orders[0]!);
  const click = oneClick(orders[0]!);
  const keys = keysSection({ store: () => lab.keys, replays: () => lab.replays });
  // Who looks at the keys wants them to move: the lab goes on for them too.
  const watch: Route = (request) => {
    request.signal.addEventListener(
      "abort",
      lab.stage.watch(() => undefined),
      { once: true },
    );
    return keys.routes["GET watch"]!(request);
  };
  return [labSection(lab, messages, checkout, click), { ...keys, routes: { ...keys.routes, "GET watch": watch } }];
}

function labSection(lab: LiveLab, messages: LiveMessages, checkout: LiveCheckout, click: OneClick): Section {
  return {
    name: "lab",
    routes: {
      ...labRoutes(lab),
      ...clickRoutes(click),
      ...storyRoutes("messages/", messages),
      ...storyRoutes("checkout/", checkout),
      "POST messages/kill": killRoute(roleNames, (role) => messages.kill(role)),
    },
    async close() {
      const stages = [lab, messages, checkout].map(({ stage }) => stage);
      await Promise.all([...stages, click].map((part) => part[Symbol.asyncDispose]()));
    },
  };
}
