export { type Audit, audit, type AuditCase, type AuditFields } from "./audit.ts";
