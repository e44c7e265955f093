export { createManagement, type Management, type ManagementOptions } from "./management.ts";
export type { Health } from "./health.ts";
