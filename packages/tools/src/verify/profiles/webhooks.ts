import type { ProfileSentence, VerifyProfile } from "./profile.ts";
import { webhookCases } from "./webhook-cases.ts";

/** A duty of senders, which no receiver shows. */
const ofSenders = (section: string, level: ProfileSentence["level"], text: string): ProfileSentence => ({
  section,
  level,
  text,
  cases: [],
  untested: "it binds senders",
});

/** Standard Webhooks 1.0, for receivers, with symmetric signatures. The specification is mostly in plain words: its levels are ours. */
export const webhooks: VerifyProfile = {
  title: "Standard Webhooks 1.0",
  url: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
  cases: webhookCases,
  sentences: [
    ofSenders("Payload structure", "SHOULD", "The payload is the body, in JSON, with type, timestamp and data."),
    ofSenders("Payload size", "SHOULD", "Payloads are smaller than 20 kB."),
    {
      section: "Webhook metadata",
      level: "MUST",
      text: "Payload, id and time are all verified.",
      cases: ["W03", "W04", "W05", "W06", "W07"],
    },
    {
      section: "Webhook metadata",
      level: "MUST",
      text: "Each attempt has its own time, and the id of the first.",
      cases: ["W02"],
    },
    {
      section: "Webhook metadata",
      level: "SHOULD",
      text: "An event is processed once, however often it comes: by malice, by mistake, by networks.",
      cases: ["R01", "R10", "R11", "R13", "C01", "C02", "C03", "C04", "C09", "D01", "D02", "D03", "D04", "D06", "D07"],
    },
    {
      section: "Webhook metadata",
      level: "MUST",
      text: "An id is of one event.",
      cases: ["R14", "C07", "K08", "K09", "K10", "K11", "K12"],
    },
    {
      section: "Signature scheme",
      level: "MUST",
      text: "Signed are id, time and body, with full stops between them.",
      cases: ["W01", "W05", "W06", "W07"],
    },
    {
      section: "Signature scheme",
      level: "MUST",
      text: "Neither id nor time has a full stop.",
      cases: ["W08"],
    },
    {
      section: "Signature scheme",
      level: "MUST",
      text: "What is verified is the body as it was sent, before it is parsed.",
      cases: ["W09"],
    },
    {
      section: "Signature scheme",
      level: "MUST",
      text: "Symmetric signatures are HMAC-SHA256, by the name of v1.",
      cases: ["W01", "W04", "W11"],
    },
    {
      section: "Signature scheme",
      level: "MUST",
      text: "Asymmetric signatures are ed25519, by the name of v1a.",
      cases: [],
      untested: "this profile signs with a shared secret",
    },
    ofSenders("Signature scheme", "MUST", "Secrets have 24 to 64 random bytes, in base64 after whsec_."),
    ofSenders("Additional considerations", "SHOULD", "Each endpoint has another secret."),
    {
      section: "Additional considerations",
      level: "MUST",
      text: "No key is trusted that the delivery itself brings.",
      cases: ["W04"],
    },
    {
      section: "Webhook headers",
      level: "MUST",
      text: "Id, time and signature come in headers of these names.",
      cases: ["W03", "W16", "K05"],
    },
    { section: "Webhook headers", level: "MUST", text: "The time is a whole number of seconds.", cases: ["W15"] },
    {
      section: "Webhook headers",
      level: "MUST",
      text: "The signatures are a list, of which one has to match.",
      cases: ["W10"],
    },
    {
      section: "Verifying signatures",
      level: "MUST",
      text: "Signatures are compared in constant time.",
      cases: [],
      untested: "a network hides the difference from an honest test",
    },
    {
      section: "Verifying signatures",
      level: "MUST",
      text: "The time is within a tolerance of now.",
      cases: ["W12", "W13", "W14", "W15"],
    },
    {
      section: "Verifying signatures",
      level: "SHOULD",
      text: "The id is a key: what was processed is remembered, for 5 minutes or so.",
      cases: ["R12", "W02"],
    },
    {
      section: "Verifying signatures",
      level: "MUST",
      text: "What is not verified is not processed, nor remembered.",
      cases: ["W17", "W18"],
    },
    ofSenders("Event types", "SHOULD", "A type has one schema."),
    ofSenders("Deliverability and reliability", "SHOULD", "Failed deliveries come again for days, with backoff."),
    {
      section: "Delivery success and failure",
      level: "MUST",
      text: "2xx means that a delivery was taken, and nothing else does.",
      cases: ["W01", "W02", "W19", "W20", "C09"],
    },
    {
      section: "Delivery success and failure",
      level: "MUST",
      text: "410 ends all deliveries.",
      cases: ["W19"],
    },
    {
      section: "Delivery success and failure",
      level: "SHOULD",
      text: "A refusal for now may say when to come again.",
      cases: ["C06"],
    },
    { section: "Request timeouts", level: "SHOULD", text: "Receivers answer within 15 seconds.", cases: ["W01"] },
    {
      section: "Enforcing HTTPS",
      level: "SHOULD",
      text: "Endpoints are served over HTTPS.",
      cases: [],
      untested: "test systems seldom are",
    },
    ofSenders("Static source IPs", "MAY", "Deliveries come from known addresses."),
    ofSenders("Server side request forgery", "SHOULD", "Deliveries reach no address inside the sender's network."),
  ],
};
