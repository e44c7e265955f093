import { fieldDepthMax } from "./field-table.ts";

/** Bounds that nobody can set, each where it is looked at; here for documentation, which is made from them. */
export const fixedAmqpLimits: { readonly fieldDepthMax: number } = { fieldDepthMax };
