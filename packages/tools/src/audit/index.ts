export { type Audit, audit, type AuditCase, type AuditOptions } from "./audit.ts";
