import { fieldDepthMax } from "./field-table.ts";
import { copyKeysMax } from "./sender-selected-routes.ts";

/** Bounds that nobody can set, each where it is looked at; here for documentation, which is made from them. */
export const fixedAmqpLimits: Readonly<Record<"fieldDepthMax" | "copyKeysMax", number>> = {
  fieldDepthMax,
  copyKeysMax,
};
