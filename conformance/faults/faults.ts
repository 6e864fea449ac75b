import { readFileSync } from "node:fs";
import { httpFaults } from "./http-faults.ts";
import { moreHttpFaults } from "./more-http-faults.ts";
import { profileFaults } from "./profile-faults.ts";
import { AcpModel, StripeModel, UcpModel, WebhookModel } from "./right-profiles.ts";
import { ModelServer } from "./right-server.ts";
import { webhookFaults } from "./webhook-faults.ts";

/** The rules that a server is held to. */
export type FaultProfile = "draft" | "acp" | "stripe" | "ucp" | "webhooks";

/** Where a fault is from. */
export interface FaultSource {
  /** The thread in which it was published. Without one the fault is ours. */
  readonly url?: string;
  /** The bug, in a sentence. */
  readonly says: string;
  /** The faults that re-create it, by their names. */
  readonly faults: readonly string[];
}

/** Published bugs, and what is ours. Each fault has one. */
export const faultSources = JSON.parse(
  readFileSync(new URL("sources.json", import.meta.url), "utf8"),
) as readonly FaultSource[];

/** A server with one fault. */
export interface Fault {
  readonly name: string;
  readonly profile: FaultProfile;
  /** The case that must find it. */
  readonly breaks: string;
  readonly open: () => ModelServer;
}

/** A server without a fault, for each profile. */
export const rightServers: Readonly<Record<FaultProfile, () => ModelServer>> = {
  draft: () => new ModelServer(),
  acp: () => new AcpModel(),
  stripe: () => new StripeModel(),
  ucp: () => new UcpModel(),
  webhooks: () => new WebhookModel(),
};

type Table = Readonly<Record<string, { readonly breaks: string; readonly change: (server: never) => object }>>;

const readTable = (profile: FaultProfile, table: Table): readonly Fault[] =>
  Object.entries(table).map(([name, { breaks, change }]) => ({
    name,
    profile,
    breaks,
    open() {
      const server = rightServers[profile]();
      return Object.assign(server, change(server as never));
    },
  }));

/** All faults. */
export const faults: readonly Fault[] = [
  ...readTable("draft", { ...httpFaults, ...moreHttpFaults }),
  ...readTable("acp", profileFaults.acp),
  ...readTable("stripe", profileFaults.stripe),
  ...readTable("ucp", profileFaults.ucp),
  ...readTable("webhooks", webhookFaults),
];
