import { readFileSync } from "node:fs";
import { draftFaults } from "./http-faults.ts";
import { practiceFaults, ucpFaults } from "./mcp-faults.ts";
import { moreDraftFaults } from "./more-http-faults.ts";
import { profileFaults } from "./profile-faults.ts";
import { McpModel, UcpMcpModel } from "./right-mcp-server.ts";
import { AcpModel, StripeModel, UcpModel, WebhookModel } from "./right-profiles.ts";
import { AdcpModel } from "./right-seller.ts";
import { ModelServer } from "./right-server.ts";
import { sellerFaults } from "./seller-faults.ts";
import { webhookFaults } from "./webhook-faults.ts";

/** The rules that an HTTP server is held to. */
export type HttpProfile = "draft" | "acp" | "stripe" | "ucp" | "webhooks";

/** The rules that an MCP server is held to, by their names in `requirements.json`. */
export type McpProfile = "mcp" | "adcp" | "ucp-mcp";

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
export interface Fault<Profile = HttpProfile | McpProfile, Server = ModelServer | McpModel> {
  readonly name: string;
  readonly profile: Profile;
  /** The case that must find it. */
  readonly breaks: string;
  readonly open: () => Server;
}

/** A server without a fault, for each profile of HTTP. */
export const rightHttpServers: Readonly<Record<HttpProfile, () => ModelServer>> = {
  draft: () => new ModelServer(),
  acp: () => new AcpModel(),
  stripe: () => new StripeModel(),
  ucp: () => new UcpModel(),
  webhooks: () => new WebhookModel(),
};

/** A server without a fault, for each profile of MCP. */
export const rightMcpServers: Readonly<Record<McpProfile, () => McpModel>> = {
  mcp: () => new McpModel(),
  adcp: () => new AdcpModel(),
  "ucp-mcp": () => new UcpMcpModel(),
};

type Table = Readonly<Record<string, { readonly breaks: string; readonly change: (server: never) => object }>>;

const readTable = <Profile extends string, Server extends object>(
  profile: Profile,
  openRight: () => Server,
  table: Table,
): readonly Fault<Profile, Server>[] =>
  Object.entries(table).map(([name, { breaks, change }]) => ({
    name,
    profile,
    breaks,
    open() {
      const server = openRight();
      return Object.assign(server, change(server as never));
    },
  }));

/** The faults of HTTP servers. */
export const httpFaults: readonly Fault<HttpProfile, ModelServer>[] = [
  ...readTable("draft", rightHttpServers.draft, { ...draftFaults, ...moreDraftFaults }),
  ...readTable("acp", rightHttpServers.acp, profileFaults.acp),
  ...readTable("stripe", rightHttpServers.stripe, profileFaults.stripe),
  ...readTable("ucp", rightHttpServers.ucp, profileFaults.ucp),
  ...readTable("webhooks", rightHttpServers.webhooks, webhookFaults),
];

/** The faults of MCP servers. */
export const mcpFaults: readonly Fault<McpProfile, McpModel>[] = [
  ...readTable("mcp", rightMcpServers.mcp, practiceFaults),
  ...readTable("adcp", rightMcpServers.adcp, sellerFaults),
  ...readTable("ucp-mcp", rightMcpServers["ucp-mcp"], ucpFaults),
];

/** All faults. */
export const faults: readonly Fault[] = [...httpFaults, ...mcpFaults];
